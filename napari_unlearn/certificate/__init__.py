"""Certificates of unlearning: written, read by people, verified; and the ledger of requests."""
