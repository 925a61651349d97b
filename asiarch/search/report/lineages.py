"""Who descends from whom: the forest of candidates, and the part of it that leads to the best.

A candidate stands below its first parent; others of its parents are links. The loop cannot make a
cycle, but data can: a parent that would close one is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from asiarch.search.report.data import NULL, Candidate, Estimate

FEWEST = 3


@dataclass(slots=True)
class Branch:
    """A candidate in the tree, `others`: those that hang from it and lead to none of the best."""

    candidate: Candidate
    depth: int = 0
    best: bool = False
    children: list[Branch] = field(default_factory=list["Branch"])
    others: list[Candidate] = field(default_factory=list[Candidate])


def shown(candidate: Candidate) -> Estimate:
    """The effect that a candidate is ranked by: on confirmation seeds where it has one."""
    return candidate.confirmed if candidate.confirmed.known else candidate.overall


def beside(candidate: Candidate) -> Estimate:
    """The effect to be seen beside others': on the seeds that all were measured on, which flatter
    who was chosen by them; else what there is.
    """
    return candidate.overall if candidate.overall.known else candidate.confirmed


def proposed(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Neither the panel nor the null arm; of a run of the null arm alone, that arm."""
    rows = [c for c in candidates if not c.panel]
    return [c for c in rows if c.arm != NULL] or rows


def descent(candidate: Candidate, candidates: Sequence[Candidate]) -> list[Candidate]:
    """A candidate and its ancestors by first parents, up to the panel or the literature."""
    by_id, parents = {c.id: c for c in candidates}, first_parents(candidates)
    found = [candidate]
    while found[-1].id in parents:
        found.append(by_id[parents[found[-1].id]])
    return [c for c in found if not c.panel]


def first_parents(candidates: Sequence[Candidate]) -> dict[str, str]:
    """Child to first known parent, without cycles."""
    known = {c.id for c in candidates}
    found: dict[str, str] = {}
    for c in candidates:
        parent = next((p for p in c.parents if p in known), None)
        above, seen = parent, {c.id}
        while above is not None and above not in seen:
            seen.add(above)
            above = found.get(above)
        if parent is not None and above is None:
            found[c.id] = parent
    return found


def roots(candidates: Sequence[Candidate]) -> dict[str, str]:
    """Of each candidate the oldest ancestor that its first parents lead to: its lineage."""
    parents = first_parents(candidates)
    found: dict[str, str] = {}
    for c in candidates:
        at = c.id
        while at in parents:
            at = parents[at]
        found[c.id] = at
    return found


def best_of(candidates: Sequence[Candidate], most: int) -> list[Candidate]:
    """Claims, then what was confirmed, then the best screened that beat the baseline (the first
    few if none did); none of the panel or the null arm."""
    rows = [c for c in candidates if not c.panel and c.arm != NULL and shown(c).known]
    rows.sort(key=lambda c: (not c.claim, not c.confirmed.known, -shown(c).value, c.id))
    good = [c for c in rows if c.confirmed.known or shown(c).value > 0]
    return good[:most] or rows[:FEWEST]


def forest_of(candidates: Sequence[Candidate], most: int) -> list[Branch]:
    """Trees of the `most` best and all that they descend from; every candidate is in one of them
    once, as a branch or among the others of one. Roots of others alone are left out.
    """
    parents = first_parents(candidates)
    by_id = {c.id: c for c in candidates}
    best = {c.id for c in best_of(candidates, most)}
    kept: set[str] = set()
    for start in sorted(best):
        at: str | None = start
        while at is not None and at not in kept:
            kept.add(at)
            at = parents.get(at)
    branches = {i: Branch(by_id[i], best=i in best) for i in kept}
    roots: list[Branch] = []
    for c in candidates:
        if c.id in kept:
            parent = parents.get(c.id)
            (branches[parent].children if parent else roots).append(branches[c.id])
        else:
            holder = _above(c.id, parents, kept)
            if holder is not None:
                branches[holder].others.append(c)
    for root in roots:
        _settle(root)
    return sorted(roots, key=lambda b: (-size(b), b.candidate.order, b.candidate.id))


def _above(start: str, parents: dict[str, str], kept: set[str]) -> str | None:
    at = parents.get(start)
    while at is not None and at not in kept:
        at = parents.get(at)
    return at


def _settle(root: Branch) -> None:
    """Depths, and children in the order in which they were proposed."""
    stack = [root]
    while stack:
        branch = stack.pop()
        branch.children.sort(key=lambda b: (b.candidate.order, b.candidate.id))
        for child in branch.children:
            child.depth = branch.depth + 1
            stack.append(child)


def size(branch: Branch) -> int:
    """How many branches a tree has."""
    return 1 + sum(size(c) for c in branch.children)


def rows_of(root: Branch) -> list[Branch]:
    """A tree from above, each branch before its children."""
    found: list[Branch] = []
    stack = [root]
    while stack:
        branch = stack.pop()
        found.append(branch)
        stack += reversed(branch.children)
    return found
