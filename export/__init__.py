"""From trained models to files for other runtimes: a script and an importable function each."""
