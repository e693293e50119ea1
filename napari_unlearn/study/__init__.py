"""The whole study of the paper from one call, and the judging of its runs."""
