"""Compares objectives on the same networks, data and budget: `python -m trainers.compare`."""
