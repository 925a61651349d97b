"""The claim protocol: everything that decides what counts as a discovery, frozen and hashed.

The hash goes into the store before the first run. What is not claimed under it is screening.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, cast

from asiarch.search.stats.confirm import LEAST
from asiarch.search.stats.looks import Spending
from asiarch.search.stats.race import Race


@dataclass(frozen=True, slots=True)
class Tier:
    """One stage of screening. `seeds`: numbers of paired seeds at each look; `alpha`: the chance
    that a candidate without effect passes; `steps`: of training, 0 for what the task says.
    """

    name: str
    tasks: tuple[str, ...]
    seeds: tuple[int, ...]
    alpha: float
    spending: Spending = "pocock"
    futility: float = 0.05
    steps: int = 0

    @property
    def race(self) -> Race:
        return Race(self.seeds, self.alpha, self.spending, self.futility)


@dataclass(frozen=True, slots=True)
class Protocol:
    """`metric`: what an effect is a difference of (lower is better); `margin`: how much better, in
    sds of the paired difference; `alpha`: the chance of any false claim; `shortlist`: how many may
    be confirmed; `confirm_seeds`: fresh ones for each (0: nothing can be claimed); `panel`: known
    operators, the best of which on selection seeds is the bar; `learning_rates`: one grid for all,
    chosen on `select_seeds` that score nothing; `host`: the network around every mixer;
    `parameters`: how closely theirs agree, as a share. What is claimed is the mean over
    `claim_tasks` of differences in units of each task's sd (`stats.paired.composite`).
    """

    name: str
    metric: str
    panel: tuple[str, ...]
    tiers: tuple[Tier, ...]
    learning_rates: tuple[float, ...]
    select_seeds: int
    confirm_seeds: int
    claim_tasks: tuple[str, ...] = ()
    margin: float = 0.0
    alpha: float = 0.05
    shortlist: int = 10
    host: str = "conv"
    parameters: float = 0.02

    def __post_init__(self) -> None:
        if self.confirm_seeds and self.confirm_seeds < LEAST:
            raise ValueError(f"a claim needs {LEAST} confirmation seeds, not {self.confirm_seeds}")
        if self.confirm_seeds and not self.claim_tasks:
            raise ValueError("a protocol that confirms says on which tasks: claim_tasks")
        if not 0 < self.alpha < 1 or not self.tiers or len(set(self.panel)) != len(self.panel):
            raise ValueError(
                "a protocol needs alpha in (0, 1), a tier, and a panel without repeats"
            )

    @property
    def claims(self) -> bool:
        """Can anything be claimed under it?"""
        return self.confirm_seeds > 0

    @property
    def hash(self) -> str:
        """sha256 of the canonical JSON: keys sorted, numbers as Python prints them."""
        text = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        return json.loads(json.dumps(asdict(self)))

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Protocol:
        """The inverse of `to_json`. Raises TypeError for a field that it does not know."""
        fields = _tuples(data)
        fields["tiers"] = tuple(Tier(**_tuples(tier)) for tier in data["tiers"])
        return cls(**fields)

    def named(self, name: str, **changes: Any) -> Protocol:
        """Another protocol, with another name and another hash."""
        return replace(self, name=name, **changes)


def _tuples(data: Mapping[str, Any]) -> dict[str, Any]:
    return {k: tuple(cast("list[Any]", v)) if isinstance(v, list) else v for k, v in data.items()}


PANEL = tuple(
    f"panel.{name}_mixer"
    for name in (
        "softmax", "softmaxc", "swa", "lin", "linc", "retention", "scalar", "gla", "delta",
        "delta2", "gdn", "conv",
    )
)  # fmt: skip
QUICK_PANEL = tuple(f"panel.{name}_mixer" for name in ("linc", "scalar", "delta", "gdn"))
LEARNING_RATES = (5e-3, 1e-2, 2e-2)

QUICK = Protocol(
    name="quick",
    metric="auc",
    panel=QUICK_PANEL,
    tiers=(Tier("T1", ("update.small", "copy.small"), (2, 3), 0.05),),
    learning_rates=(1e-2,),
    select_seeds=0,
    confirm_seeds=0,
)
FULL = Protocol(
    name="full",
    metric="auc",
    panel=PANEL,
    tiers=(
        Tier("T1", ("update.small", "copy.small", "compression.small"), (2, 3, 8), 0.4),
        Tier("T2", ("bytes.small",), (5, 8), 0.5),
    ),
    learning_rates=LEARNING_RATES,
    select_seeds=1,
    confirm_seeds=8,
    claim_tasks=("update.small", "copy.small", "compression.small"),
)
PRESETS = {p.name: p for p in (QUICK, FULL)}
