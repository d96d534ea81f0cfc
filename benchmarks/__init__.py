"""Ratios against the bare primitive and against other libraries, from one interleaved run."""
