"""Measuring operators under a protocol: checked, matched, learning rates chosen, scored on others.

What cannot be matched or does not train is left out of that task, with the reason; it has no score
there, and no middling one stands in for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from asiarch.search.engineer import Design, Engineer, Rate, Scores
from asiarch.search.job import Outcome
from asiarch.search.protocol import Protocol, Tier
from asiarch.search.ranking.session import Heard

TIER = "rank"
SEEDS = "rank"
"""Names the seeds: operators of one store are compared on the same ones, whatever is ranked."""
REFERENCE = "panel.softmax_mixer"
"""Whose network everybody is matched to, at the hosts' own width."""
FEWEST = 2

Told = Callable[[str, int, int], None]
"""Called before each task: its name, its number from 0, and how many there are."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A design without a score on a task: what failed, and what was said."""

    name: str
    task: str
    reason: str
    said: str


@dataclass(slots=True)
class Measured:
    """`designs` by task: those with a score on every seed. `trained`: outcomes by (id, task, k)."""

    protocol: Protocol
    designs: dict[str, list[Design]] = field(default_factory=dict[str, list[Design]])
    scores: Scores = field(default_factory=Scores)
    rates: dict[tuple[str, str], Rate] = field(default_factory=dict[tuple[str, str], Rate])
    checked: Mapping[tuple[str, str], Outcome] = field(
        default_factory=dict[tuple[str, str], Outcome]
    )
    trained: Mapping[tuple[str, str, int], Outcome] = field(
        default_factory=dict[tuple[str, str, int], Outcome]
    )
    left_out: list[LeftOut] = field(default_factory=list[LeftOut])

    @property
    def seeds(self) -> int:
        return self.protocol.tiers[0].seeds[-1]

    @property
    def tasks(self) -> tuple[str, ...]:
        return tuple(self.designs)

    def outcomes(self, design: Design, task: str) -> list[Outcome]:
        return [self.trained[design.id, task, k] for k in range(self.seeds)]


def ranked(
    protocol: Protocol,
    *,
    tasks: Sequence[str] = (),
    seeds: int = 0,
    steps: int = 0,
    host: str = "",
) -> Protocol:
    """The protocol of a ranking after another one: one look at all seeds, no claims.

    Raises ValueError for fewer than two seeds: they say nothing of their spread.
    """
    screened = [t for tier in protocol.tiers for t in tier.tasks]
    seeds = seeds or max(s for tier in protocol.tiers for s in tier.seeds)
    if seeds < FEWEST:
        raise ValueError(f"effects need {FEWEST} scoring seeds at least, not {seeds}")
    tier = Tier(TIER, tuple(tasks) or tuple(dict.fromkeys(screened)), (seeds,), 0.05, steps=steps)
    return protocol.named(
        f"rank-{protocol.name}", tiers=(tier,), confirm_seeds=0, claim_tasks=(),
        host=host or protocol.host,
    )  # fmt: skip


def measure(
    engineer: Engineer,
    heard: Heard,
    designs: Sequence[Design],
    *,
    told: Told | None = None,
) -> Measured:
    """All designs on all tasks of the protocol's tier, task by task. The engineer's lab is `heard`,
    its budget of parameters is calibrated.
    """
    tier = engineer.protocol.tiers[0]
    out = Measured(engineer.protocol, checked=heard.checked, trained=heard.trained)
    for number, task in enumerate(tier.tasks):
        if told is not None:
            told(task, number, len(tier.tasks))
        _measure_task(engineer, designs, task, tier, out)
    return out


def _measure_task(
    engineer: Engineer, designs: Sequence[Design], task: str, tier: Tier, out: Measured
) -> None:
    whole: list[Design] = []
    checks = engineer.checks(designs, task)
    for design, check in zip(designs, checks, strict=True):
        if check.status == "failed":
            said = str(check.values.get("message", ""))
            out.left_out.append(LeftOut(design.name, task, check.reason or "", said))
        else:
            whole.append(design)
    scores = engineer.scores(whole, [task], range(tier.seeds[-1]), tier=tier.name, steps=tier.steps)
    out.rates |= engineer.rates(whole, [task], tier=tier.name, steps=tier.steps)
    out.scores.rows |= scores.rows
    out.designs[task] = []
    for design in whole:
        lost = scores.failure(design.id, [task])
        if lost is None:
            out.designs[task].append(design)
        else:
            out.left_out.append(LeftOut(design.name, task, lost.reason, lost.said))
