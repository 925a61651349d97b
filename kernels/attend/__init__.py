"""Attention over admissible tokens, by blocks of queries."""
