"""What a search is asked, and what came of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from asiarch.search.archive import Bandit
from asiarch.search.engineer import Raced, Verdict, Yardstick
from asiarch.search.job import Json
from asiarch.search.loop.arms import ARMS, Arm
from asiarch.search.loop.history import History
from asiarch.search.protocol import Protocol


@dataclass(frozen=True, slots=True)
class Settings:
    """`candidates`: how many distinct ones may be measured; None: as many as the lab lets."""

    protocol: Protocol
    arm: Arm = ARMS["full"]
    master: int = 0
    run: str = "search"
    candidates: int | None = None
    workers: int = 1


@dataclass(slots=True)
class Found:
    """What came of a search. `ended`: why it stopped; `yardstick` is None where the panel was not
    measured in time.
    """

    settings: Settings
    ended: str = ""
    history: History | None = None
    yardstick: Yardstick | None = None
    promoted: list[Raced] = field(default_factory=list[Raced])
    later: list[Raced] = field(default_factory=list[Raced])
    verdicts: list[Verdict] = field(default_factory=list[Verdict])
    bandit: Bandit = field(default_factory=Bandit)
    rounds: int = 0

    def archive(self) -> str:
        """The archive as JSON, with everything that decided it: equal searches give equal bytes."""
        if self.history is None:
            return "{}"
        made: dict[str, Json] = {
            "niches": self.history.archive().as_json(),
            "members": [
                [m.number, m.design.id, m.effect, m.error, m.n, m.verdict]
                for m in self.history.members.values()
            ],
            "arms": self.bandit.as_json(),
            "verdicts": [[v.design.id, v.confirmed, v.evidence] for v in self.verdicts],
        }
        return json.dumps(made, sort_keys=True, indent=1)
