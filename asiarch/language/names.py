"""`did you mean`: the nearest known name."""

from __future__ import annotations

from collections.abc import Iterable


def suggest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate that `name` most likely means, or None."""
    import difflib

    known = [c for c in dict.fromkeys(candidates) if c != name]
    folded = {c.lower().replace("_", ""): c for c in known}
    same = folded.get(name.lower().replace("_", ""))
    if same is not None:
        return same
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.7)
    return near[0] if near else None
