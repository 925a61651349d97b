"""The end of a search: the later tiers, the frozen shortlist, its confirmation.

A shortlist that was frozen in this run before is confirmed as it is, whatever was found since.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from asiarch.search.engineer import (
    Design,
    Engineer,
    Raced,
    Verdict,
    Yardstick,
    confirmed,
    measure_panel,
    race,
)
from asiarch.search.loop.record import Record
from asiarch.search.loop.watch import Watch
from asiarch.search.protocol import Tier
from asiarch.search.stats.rank import correlation

DESIGNS = 5
"""Of the panel, fewest for a rank correlation."""


@dataclass(slots=True)
class Finish:
    """`later` and `verdicts` are filled as they come: a budget may end amid them."""

    engineer: Engineer
    record: Record
    watch: Watch
    tell: Callable[[str], None]
    yardstick: Yardstick
    later: list[Raced]
    verdicts: list[Verdict]

    def run(self, promoted: Sequence[Raced], designs: Sequence[Design]) -> None:
        """Judges what the first tier promoted. `designs`: everybody that a shortlist may name.

        Raises OutOfBudget.
        """
        protocol = self.engineer.protocol
        if not protocol.claims:
            return
        names = self.record.frozen()
        if not names:
            passed = self._later_tiers(list(promoted))
            passed.sort(key=lambda r: (-r.low, r.design.id))
            names = [r.design.id for r in passed[: protocol.shortlist]]
            if not names:
                return
            self.record.freeze(names)
            self.watch.note(f"a shortlist of {len(names)} is frozen and hashed")
        self.tell("confirming")
        known = {d.id: d for d in designs}
        if missing := [id[:8] for id in names if id not in known]:
            raise ValueError(
                f"the shortlist of this run names {', '.join(missing)}, which so few candidates do"
                " not reach: go on with as many as before"
            )
        self.verdicts += confirmed(self.engineer, self.yardstick, [known[id] for id in names])
        for verdict in self.verdicts:
            self.record.judge(verdict)

    def _later_tiers(self, passed: list[Raced]) -> list[Raced]:
        before = self.yardstick
        for tier in self.engineer.protocol.tiers[1:]:
            if not passed:
                break
            self.tell(f"tier {tier.name}")
            panel = before.panel
            yardstick = measure_panel(self.engineer, panel, tier, bar=self.yardstick.bar)
            gates = self._gates(before, yardstick, tier)
            raced = race(self.engineer, yardstick, [r.design for r in passed], tier)
            self.later += raced
            if gates:
                passed = [r for r in raced if r.verdict == "promoted"]
            else:
                # It ranks the panel in no way that the tasks of the claim do: nobody is held up,
                # but what fails on it has no place on a shortlist.
                fine = {r.design.id for r in raced if r.known}
                passed = [r for r in passed if r.design.id in fine]
            before = yardstick
        return passed

    def _gates(self, before: Yardstick, after: Yardstick, tier: Tier) -> bool:
        """May the tier decide who goes on? While its rank correlation with the one before, over the
        panel, excludes zero.
        """
        both = [d.id for d in after.panel if d.id in {p.id for p in before.panel}]
        if len(both) < DESIGNS:
            self.watch.note(f"{tier.name} does not gate: fewer than {DESIGNS} designs are on both")
            return False
        rows = [y.effects(y.scores, both).mean(1) for y in (before, after)]
        found = correlation(rows[0], rows[1], np.random.default_rng(0), kind="spearman")
        gates = bool(found.low > 0)
        self.watch.note(
            f"rank correlation of {tier.name} with the tier before, over {len(both)} of the panel:"
            f" {found.value:.2f} [{found.low:.2f}, {found.high:.2f}]:"
            f" it {'gates' if gates else 'does not gate'}"
        )
        self.record.event(
            "gate", tier.name,
            {"value": found.value, "low": found.low, "high": found.high, "gates": gates},
        )  # fmt: skip
        return gates
