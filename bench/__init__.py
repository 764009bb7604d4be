"""Benchmarks: ratios from one run, sides interleaved."""
