"""The papers' figures and tables: one file a paper, its items as functions name -> result."""
