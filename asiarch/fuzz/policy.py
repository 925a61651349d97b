"""What a generator may draw: weights and bounds, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Policy:
    """`weights` overrides the weight of a rule by its name; 0 leaves the rule out.

    future: expressions may read later tokens, or the whole sequence. wild: a drawn text has had
    some of its tokens exchanged, so that it may be no program at all. claimed: how many definitions
    of those that may read the future claim that they do not. plain: the text stays as it is drawn,
    which takes less time than the one layout.
    """

    name: str = "causal"
    weights: Mapping[str, float] = field(default_factory=dict[str, float])
    statements: tuple[int, int] = (2, 6)
    depth: int = 3
    helpers: int = 2
    largest: int = 4
    future: float = 0.0
    wild: bool = False
    claimed: float = 0.1
    plain: bool = False


CAUSAL = Policy()
NON_CAUSAL = Policy("non_causal", statements=(1, 3), depth=2, helpers=1, future=0.2, plain=True)
"""Small programs: a run must see very many, and two thirds read the future."""
WILD = Policy("wild", wild=True)
POLICIES = {p.name: p for p in (CAUSAL, NON_CAUSAL, WILD)}
