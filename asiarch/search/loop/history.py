"""What a search knows: who was measured, with what effect, and the archive that follows from it.

The archive is made anew from the measurements after each round: posteriors shrink by everybody,
and nothing of it is remembered beside them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

from asiarch.search.archive import Archive, Elite, Niche
from asiarch.search.engineer import Design, Raced, posteriors


@dataclass(frozen=True, slots=True)
class Member:
    """`effect` and `error` over `n` seeds, in sds of a task's paired difference; `first`: seeds
    when it came in. `parent`: may it have children (it keeps the bounds)?
    """

    design: Design
    number: int
    niche: Niche
    effect: float
    error: float
    n: int
    first: int
    verdict: str
    flops_per_token: float
    state_floats: float
    panel: bool = False
    parent: bool = True
    parents: tuple[str, ...] = ()

    def with_seeds(self, effect: float, error: float, n: int) -> Member:
        return replace(self, effect=effect, error=error, n=n)


@dataclass(frozen=True, slots=True)
class Posterior:
    """Of a shrunk effect."""

    mean: float
    sd: float
    low: float
    high: float


@dataclass(slots=True)
class History:
    """`members` in order of arrival, by id; `bar`: whose effect is 0 by definition. `uses`: how
    often each was a parent; `effort`: what the bar takes in training. `failed`: runs that gave no
    effect; `rejected`: by tier and reason.
    """

    bar: str
    scale: float
    members: dict[str, Member] = field(default_factory=dict[str, Member])
    uses: Counter[str] = field(default_factory=Counter[str])
    failed: list[Raced] = field(default_factory=list[Raced])
    rejected: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    proposed: int = 0
    candidates: int = 0
    effort: float = 0.0

    def crowd(self) -> list[tuple[float, float]]:
        """Effects and errors of the candidates so far, which a prior is estimated with."""
        return [(m.effect, m.error) for m in self.members.values() if not m.panel]

    def found(self) -> list[Member]:
        """Candidates with an effect, in order of arrival."""
        return [m for m in self.members.values() if not m.panel]

    def posteriors(self) -> dict[str, Posterior]:
        """Everybody's, shrunk by everybody."""
        others = [m for m in self.members.values() if m.design.id != self.bar]
        out = {self.bar: Posterior(0.0, 0.0, 0.0, 0.0)}
        if others:
            columns = posteriors([m.effect for m in others], [m.error for m in others])
            for m, row in zip(others, zip(*columns, strict=True), strict=True):
                out[m.design.id] = Posterior(*map(float, row))
        return out

    def elites(self) -> list[Elite]:
        """Whoever may have children, in order of arrival; effects in units of `scale`."""
        known = self.posteriors()
        return [
            Elite(
                m.design.id, m.design.text, m.design.op, m.niche,
                known[id].mean / self.scale, known[id].sd / self.scale, m.n,
                m.flops_per_token, m.state_floats, m.design.sizes, self.uses[id],
            )
            for id, m in self.members.items()
            if m.parent
        ]  # fmt: skip

    def archive(self) -> Archive:
        made = Archive()
        for elite in self.elites():
            made.add(elite)
        return made

    def best(self, count: int) -> list[tuple[Member, Posterior]]:
        """Candidates by the lower end of their interval."""
        known = self.posteriors()
        ranked = sorted(self.found(), key=lambda m: (-known[m.design.id].low, m.design.id))
        return [(m, known[m.design.id]) for m in ranked[:count]]
