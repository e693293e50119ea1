"""Damaged and hostile files for every reader: `python -m tests.fuzz --count 10000 --seed 0`."""
