"""Streams back to pictures: in process what was just coded, in a child process what comes from strangers."""
