"""The report of a search: figures, each usable alone, and one page that needs no network."""
