"""Audit: attacks on finished runs, beside original and oracle, and what they prove in words."""
