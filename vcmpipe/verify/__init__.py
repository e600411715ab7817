"""Verified encoding: the closed loop around the pipeline."""
