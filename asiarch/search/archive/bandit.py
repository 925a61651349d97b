"""Which proposer is asked: a bandit that is paid in improvement per unit of cost.

The reward of a proposal is the probability that the child is better than its parent, from both
posteriors; what was rejected has reward 0 and costs what was spent on it. An arm is drawn by
Thompson sampling of its rate, divided by its mean cost.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

PRIOR = (1.0, 1.0)
"""Successes and failures that every arm starts with."""
COST = 1.0
"""The cost that every arm starts with, and how many proposals that counts for."""
FLOOR = 0.05
"""The share of draws that are even over the arms, so that none is given up for good."""


@dataclass(frozen=True, slots=True)
class Arm:
    """`won` and `lost` count in parts: a reward of 0.3 is 0.3 won and 0.7 lost."""

    name: str
    won: float = PRIOR[0]
    lost: float = PRIOR[1]
    spent: float = COST
    pulls: float = 1.0

    @property
    def cost(self) -> float:
        return self.spent / self.pulls


@dataclass(slots=True)
class Bandit:
    """Arms by name. `cost` is in any one unit: FLOPs of training, with the proposal's own."""

    arms: dict[str, Arm] = field(default_factory=dict[str, Arm])

    @staticmethod
    def over(names: Iterable[str]) -> Bandit:
        return Bandit({n: Arm(n) for n in names})

    def draw(self, rng: Any) -> str:
        """The arm of one draw. Raises LookupError where there is none."""
        names = sorted(self.arms)
        if not names:
            raise LookupError("the bandit has no arms")
        if rng.random() < FLOOR:
            return names[int(rng.integers(len(names)))]
        worth = [float(rng.beta(self.arms[n].won, self.arms[n].lost)) / self.arms[n].cost
                 for n in names]  # fmt: skip
        return names[max(range(len(names)), key=worth.__getitem__)]

    def reward(self, name: str, probability: float, cost: float) -> None:
        """One proposal of an arm: its probability of improvement over the parent, and its cost.
        Raises ValueError for what is no probability or no cost.
        """
        if not 0 <= probability <= 1:
            raise ValueError(f"a probability of improvement lies in [0, 1], not {probability}")
        if not (cost > 0 and math.isfinite(cost)):
            raise ValueError(f"a cost is a positive number, not {cost}")
        arm = self.arms[name]
        self.arms[name] = Arm(name, arm.won + probability, arm.lost + 1 - probability,
                              arm.spent + cost, arm.pulls + 1)  # fmt: skip

    def as_json(self) -> list[dict[str, Any]]:
        return [
            {"arm": a.name, "won": a.won, "lost": a.lost, "cost": a.cost, "pulls": a.pulls - 1}
            for a in (self.arms[n] for n in sorted(self.arms))
        ]


def improvement(child: tuple[float, float], parent: tuple[float, float]) -> float:
    """P(child > parent) for independent normal posteriors (mean, sd)."""
    spread = math.hypot(child[1], parent[1])
    gap = child[0] - parent[0]
    if not spread:
        return 0.5 if not gap else float(gap > 0)
    return 0.5 * (1 + math.erf(gap / spread / math.sqrt(2)))
