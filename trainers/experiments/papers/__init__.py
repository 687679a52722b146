"""The papers: one module each, whose `study` has the paper's figures and tables."""
