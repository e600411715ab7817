"""Data sets: the scenes of the built-in demo."""
