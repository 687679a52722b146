"""The experiments of InfoVAE."""
