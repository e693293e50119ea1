"""Unlearnings that somebody ordered: one, a queue or a sweep, in processes of their own."""
