"""Thresholds of human eyes: networks, and the scales that their labels count on."""
