"""What a generator may draw: weights and bounds, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Policy:
    """`weights` overrides the weight of a rule by its name; 0 leaves the rule out.

    future: expressions may read later tokens, or the whole sequence. wild: a drawn text has had
    some of its tokens exchanged, so that it may be no program at all.
    """

    name: str = "causal"
    weights: Mapping[str, float] = field(default_factory=dict[str, float])
    statements: tuple[int, int] = (2, 6)
    depth: int = 3
    helpers: int = 2
    largest: int = 4
    future: float = 0.0
    wild: bool = False


CAUSAL = Policy()
NON_CAUSAL = Policy("non_causal", future=0.12)
WILD = Policy("wild", wild=True)
POLICIES = {p.name: p for p in (CAUSAL, NON_CAUSAL, WILD)}
