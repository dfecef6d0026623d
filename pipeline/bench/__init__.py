"""Benchmarks: both sides in one run on one machine, told as ratios."""
