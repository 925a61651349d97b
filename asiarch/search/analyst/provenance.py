"""Where edits came from, counted from their records: cognition, experience, or neither."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Literal

import numpy as np

from asiarch.search.stats import cluster

Class = Literal["cognition", "experience", "original"]
CLASSES: tuple[Class, ...] = ("cognition", "experience", "original")
PAPER: Mapping[Class, float] = {"cognition": 0.486, "experience": 0.448, "original": 0.066}
"""Of the gallery, labelled by a language model: Liu et al., "AlphaGo moment for model architecture
discovery" (2025, arXiv 2507.18074)."""


@dataclass(frozen=True, slots=True)
class Edit:
    """`motifs`: those that the edit brought. `cognition`, `experience`: ids that it cites, of cards
    and of past designs. `exact`: an operator of the grammar made it and cites what it spliced in,
    which needs no proof.
    """

    motifs: Set[str]
    cognition: tuple[str, ...]
    experience: tuple[str, ...]
    lineage: str
    exact: bool = False


def classes(edit: Edit, known: Mapping[str, Set[str]]) -> dict[Class, float]:
    """The edit's share in each class, 1 in all. A citation counts where the cited item has one of
    the edit's motifs: `known` gives each item's. Cited from both, an edit is half of each; where no
    citation holds it is original.
    """

    def holds(ids: Iterable[str]) -> bool:
        return any(edit.exact or edit.motifs & known.get(i, frozenset()) for i in ids)

    found: list[Class] = []
    if holds(edit.cognition):
        found.append("cognition")
    if holds(edit.experience):
        found.append("experience")
    return {c: 1 / len(found) for c in found} if found else {"original": 1.0}


@dataclass(frozen=True, slots=True)
class Share:
    """Of edits: a class with its interval over lineages, beside the paper's number."""

    name: Class
    share: cluster.Estimate
    paper: float


def shares(
    edits: Sequence[Edit], known: Mapping[str, Set[str]], rng: np.random.Generator
) -> list[Share]:
    """The three classes. Raises ValueError without edits."""
    if not edits:
        raise ValueError("there are no edits to classify")
    each = [classes(e, known) for e in edits]
    lineages = [e.lineage for e in edits]
    return [
        Share(c, cluster.mean([e.get(c, 0.0) for e in each], lineages, rng), PAPER[c])
        for c in CLASSES
    ]
