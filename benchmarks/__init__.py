"""Benchmarks: the numbers of SPEC.md live here and nowhere else."""
