"""Operators written in the language: the prelude, and the literature."""
