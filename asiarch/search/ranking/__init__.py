"""The measuring protocol on hand-written operators: `rank`, `noise-floor`, `attribute`.

Everything is asked of the engineer, so what a search measures and what is measured here is one
thing; a store has each run once.
"""
