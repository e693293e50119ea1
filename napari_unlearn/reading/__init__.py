"""Blinded reading studies: who sees which image under which letter, and what they said."""
