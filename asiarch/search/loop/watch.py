"""What a search tells while it runs; how it is shown is decided elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Leader:
    """One of the best so far: the shrunk effect with its interval, over `n` seeds."""

    name: str
    mean: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a search stands. `rejected`: by tier and reason; `raced`: those with an effect."""

    stage: str = ""
    round: int = 0
    proposed: int = 0
    candidates: int = 0
    limit: int | None = None
    rejected: Mapping[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    failed: int = 0
    raced: int = 0
    promoted: int = 0
    claimed: int = 0
    niches: int = 0
    leaders: tuple[Leader, ...] = ()


class Watch(Protocol):
    """Is told of everything; must not raise."""

    def stands(self, standing: Standing) -> None: ...
    def note(self, text: str) -> None:
        """A line that stays."""
        ...


class Silent:
    """Tells nobody."""

    def stands(self, standing: Standing) -> None:
        pass

    def note(self, text: str) -> None:
        pass
