"""Speed of training and encoding, measured against other software on the same machine."""
