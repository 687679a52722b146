"""Sweeps: a grid of runs, each a process of its own, their ledger and its pictures."""
