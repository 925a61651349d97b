"""From affine facts to a recurrence in normal form, its class, and the reads of its state.

    S_t = D * S_{t-1} + sum_r u_r (w_r' R_t) + sum_m k_m v_m'      R_t = S_{t-1}, or D * S_{t-1}

D is 1 (identity), a function of the head axes (scalar), of the key axes (diagonal) or of all
(elementwise). An update may compose several such factors, and several states may feed each other
(momentum). S_t = max(S_{t-1} + a, b) is linear in another algebra (max-plus). The class is data
that the algebra gives; it does not change with how the equation was written. What has no such form
is `nonlinear` and says why.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from asiarch.ir import polynomial as P
from asiarch.ir.function import Function, StateInfo
from asiarch.ir.interpreter import Group, schedule
from asiarch.ir.node import Node
from asiarch.ir.reads import closed, normal_reads

Side: TypeAlias = Literal["keys", "values", "whole"]


@dataclass(frozen=True, slots=True)
class Erase:
    """u (w' R): `decayed` says that R is D * S_{t-1}; `tied` that u = -k of the first write."""

    u: Node
    w: Node
    decayed: bool
    tied: bool


@dataclass(frozen=True, slots=True)
class Factor:
    """One factor of an update: decay (None is 1), writes and erase terms."""

    decay: Node | None = None
    writes: tuple[tuple[Node, Node], ...] = ()
    erases: tuple[Erase, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """keys[p] (value - read' Z[source])' is added to state p; None stands for 0."""

    keys: tuple[Node | None, ...]
    value: Node | None
    read: Node | None
    source: int


@dataclass(frozen=True, slots=True)
class Coupled:
    """States that feed each other: matrix[p][i] of state i before the token is in state p after."""

    matrix: tuple[tuple[Node | None, ...], ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Tropical:
    """S_t = max(S_{t-1} + carry, other)."""

    carry: Node
    other: Node


@dataclass(frozen=True, slots=True)
class Read:
    """`node` of the graph is q' S_t (post) or q' S_{t-1} (pre), along `side`; whole: S itself.
    `state`: which one of coupled states.
    """

    node: Node
    q: Node
    pre: bool
    side: Side = "keys"
    state: int = 0


@dataclass(frozen=True, slots=True)
class Recurrence:
    """One recurrent group. `kernel` is None when only a loop over tokens computes it; `note` says
    why. `more`: the factors of the same token after the first.
    """

    states: tuple[StateInfo, ...]
    cls: str
    note: str = ""
    kernel: bool = False
    heads: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    decay: Node | None = None
    writes: tuple[tuple[Node, Node], ...] = ()
    erases: tuple[Erase, ...] = ()
    more: tuple[Factor, ...] = ()
    coupled: Coupled | None = None
    tropical: Tropical | None = None
    reads: tuple[Read, ...] = ()
    group: Group = field(default_factory=lambda: Group((), ()))
    gates: tuple[Node, ...] = ()

    @property
    def factors(self) -> tuple[Factor, ...]:
        return Factor(self.decay, self.writes, self.erases), *self.more


def recurrences(function: Function) -> list[Recurrence]:
    """The recurrent groups of a flat function, in order of evaluation."""
    function = normal_reads(function)
    groups = [s for s in schedule(function) if isinstance(s, Group)]
    memo = closed(groups)
    return [classify(function, g, memo) for g in groups]


def classify(function: Function, group: Group, memo: dict[Node, P.Poly]) -> Recurrence:
    from asiarch.ir.coupled import coupled
    from asiarch.ir.domains.affine import Affine
    from asiarch.ir.forms import factors_of
    from asiarch.ir.normal import Normal
    from asiarch.ir.tropical import tropical

    leaves = frozenset(s.leaf for s in group.states)
    values = Affine(leaves, memo).group(group)
    if len(group.states) == 1:
        (state,) = group.states
        forms = factors_of(state, group, values.get(state.update), memo)
        if forms is not None:
            return Normal(function, group, state, values, forms).result()
        found = tropical(state, group, values)
        if found is not None:
            return found
    elif all(values.get(s.update) is not None for s in group.states):
        return coupled(function, group, values)
    culprit = next((n for n in group.nodes if values.get(n) is None), None)
    what = f"`{culprit.op}` of a state" if culprit is not None else "too many terms"
    return Recurrence(group.states, "nonlinear", f"not affine in its state: {what}", group=group)
