"""From trained models to files that run elsewhere: a script each, an importable function each."""
