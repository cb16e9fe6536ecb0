"""Simulated POS traffic of a fruit shop, with an expectation of its points."""
