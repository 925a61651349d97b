"""Elites by mechanism: in every niche those that no other one beats in effect, cost and state.

Selection is a pure function of the archive and of a generator of random numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from asiarch.search.archive.niche import Niche
from asiarch.search.researcher.workshop import Source

DEPTH = 8
"""Elites that a niche keeps at most: the widest front is cut from its least certain end."""
ANYWHERE = 0.5
"""How often the best draw of all niches is taken, not that of one niche drawn evenly."""
UNKNOWN = 1.0
"""The standard deviation of an effect that nobody measured, in units of sigma."""


@dataclass(frozen=True, slots=True)
class Elite:
    """`mean`, `sd`: the posterior of the effect, in units of sigma, from `n` seeds. `cost`: FLOPs
    per token; `state`: floats kept between tokens.
    """

    id: str
    text: str
    op: str
    niche: Niche
    mean: float = 0.0
    sd: float = UNKNOWN
    n: int = 0
    cost: float = 0.0
    state: float = 0.0
    sizes: tuple[tuple[str, int], ...] = ()
    used: int = 0

    @property
    def source(self) -> Source:
        return Source(self.id, self.text, self.op, self.sizes)

    def beats(self, other: Elite) -> bool:
        """Is it nowhere worse, and somewhere better?"""
        mine = (self.mean, -self.cost, -self.state)
        theirs = (other.mean, -other.cost, -other.state)
        return mine != theirs and all(a >= b for a, b in zip(mine, theirs, strict=True))


@dataclass(slots=True)
class Archive:
    """`niches`: fronts by niche, ids in order of their arrival."""

    niches: dict[Niche, list[Elite]] = field(default_factory=dict[Niche, "list[Elite]"])
    depth: int = DEPTH

    def add(self, elite: Elite) -> bool:
        """Is it on its niche's front now? What it beats leaves. An id that is there already has
        a new posterior.
        """
        for other in [n for n in self.niches if n != elite.niche]:
            self._without(other, elite.id)
        front = [e for e in self.niches.get(elite.niche, []) if e.id != elite.id]
        if not any(e.beats(elite) for e in front):
            front = [e for e in front if not elite.beats(e)] + [elite]
        if len(front) > self.depth:
            worst = min(front, key=lambda e: (e.mean - e.sd, e.id))
            front = [e for e in front if e is not worst]
        self.niches[elite.niche] = front
        if not front:
            del self.niches[elite.niche]
        return any(e.id == elite.id for e in front)

    def _without(self, niche: Niche, id: str) -> None:
        front = [e for e in self.niches[niche] if e.id != id]
        if front:
            self.niches[niche] = front
        else:
            del self.niches[niche]

    def elites(self) -> list[Elite]:
        return [e for front in self.niches.values() for e in front]

    def get(self, id: str) -> Elite | None:
        return next((e for e in self.elites() if e.id == id), None)

    def measured(self, id: str, mean: float, sd: float, n: int) -> None:
        """A posterior that has changed: a parent that regressed may be beaten now."""
        known = self.get(id)
        if known is not None:
            self.add(replace(known, mean=mean, sd=sd, n=n))

    def taken(self, id: str) -> int:
        """Count a use as a parent; how often it was one. Lucky elites get further seeds by it."""
        for front in self.niches.values():
            for place, elite in enumerate(front):
                if elite.id == id:
                    front[place] = replace(elite, used=elite.used + 1)
                    return elite.used + 1
        return 0

    def thompson(self, rng: Any) -> Elite:
        """The best of one draw from every posterior: of all niches, or of a niche drawn evenly.
        Raises LookupError for an empty archive.
        """
        niches = sorted(self.niches, key=str)
        if not niches:
            raise LookupError("the archive is empty: add the panel first")
        anywhere = rng.random() < ANYWHERE
        chosen = niches if anywhere else [niches[int(rng.integers(len(niches)))]]
        pool = sorted((e for n in chosen for e in self.niches[n]), key=lambda e: e.id)
        draws = [e.mean + e.sd * float(rng.standard_normal()) for e in pool]
        return pool[max(range(len(pool)), key=draws.__getitem__)]

    def as_json(self) -> dict[str, list[dict[str, Any]]]:
        """Fronts by the niche's name; what a report draws."""
        return {
            str(niche): [
                {"id": e.id, "mean": e.mean, "sd": e.sd, "n": e.n, "cost": e.cost,
                 "state": e.state, "used": e.used}
                for e in front
            ]
            for niche, front in sorted(self.niches.items(), key=lambda item: str(item[0]))
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class ArchiveView:
    """What proposers see: an archive as it stands when a round begins."""

    archive: Archive
    library: Sequence[Source]
    seen: frozenset[str] = frozenset()

    def parent(self, rng: Any) -> Source:
        return self.archive.thompson(rng).source

    def elites(self) -> Sequence[Source]:
        return [e.source for e in self.archive.elites()]


def snapshot(
    archive: Archive, library: Sequence[Source], seen: Iterable[str] | Mapping[str, Any]
) -> ArchiveView:
    """A view that later changes of the archive do not reach."""
    fronts = {niche: list(front) for niche, front in archive.niches.items()}
    return ArchiveView(Archive(fronts, archive.depth), tuple(library), frozenset(seen))
