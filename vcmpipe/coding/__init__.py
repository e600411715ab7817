"""Coding of segments: detect, choose, code, check; and the proof that the stream carries its map."""
