"""Grids of experiments: config × seed → one table with its control. See docs/ablations.md."""
