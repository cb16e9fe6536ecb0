"""Mistakes that break no red line and that nobody means: what `program check` says before a pack goes live."""
