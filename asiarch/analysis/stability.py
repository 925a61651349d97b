"""Stability of a recurrence from its normal form: norms of the transition at most 1.

Proved for a decay in [-1, 1], alone or with the erase term of the delta rule: D - b k (k' D) with a
unit key k and b in [0, 2] is a product of a contraction and a reflection-like map of norm at most
1. Anything else is undecided here (Gated DeltaNet-2's transition can have norm 1.14).
"""

from __future__ import annotations

from fractions import Fraction

from asiarch.ir import polynomial as P
from asiarch.ir.domains.ranges import Ranges
from asiarch.ir.function import Function
from asiarch.ir.interpreter import Frame
from asiarch.ir.interval import Range
from asiarch.ir.node import Node, topological
from asiarch.ir.recurrence import Recurrence


def stable(function: Function, frame: Frame, found: Recurrence) -> tuple[bool, str]:
    """(proved, why) for one recurrence of a flat function, given a run of its ranges."""
    if found.cls in ("nonlinear", "momentum"):
        return False, f"the state {found.states[0].name} is {found.cls}"
    for gate in found.gates:
        decay = range_of(function, frame, gate)
        if not decay.inside(-1, 1, False, False):
            return False, f"the decay of {found.states[0].name} is in {decay}"
    if not found.erases:
        return (True, "the decay is in [-1, 1]") if "rank" not in found.cls else (
            False, f"{found.cls}: {found.note}")  # fmt: skip
    return _delta(function, frame, found)


def _delta(function: Function, frame: Frame, found: Recurrence) -> tuple[bool, str]:
    erase = found.erases[0]
    if not erase.tied or not (erase.decayed or found.cls.startswith("identity")):
        return False, f"{found.cls} whose erase term is no delta rule on the decayed state"
    key = range_of(function, frame, erase.w)
    memo: dict[Node, P.Poly] = {}
    write, read = P.expand(found.writes[0][0], memo), P.expand(erase.w, memo)
    if len(read) != 1:
        return False, "the erase key is a sum"
    ((monomial, coefficient),) = read.items()
    inverse = {tuple((n, -p) for n, p in monomial): 1 / Fraction(coefficient)}
    beta = P.mul(write, inverse)
    if P.axes_of(f for m in beta for f in m) & set(found.keys):
        return False, "the write key and the erase key are not parallel"
    rate = range_of(function, frame, P.build(beta))
    if set(key.unit) != set(found.keys):
        return False, "the key is not proved to be a unit vector (l2norm)"
    if not rate.inside(0, 2, False, False):
        return False, f"the rate of the delta rule is in {rate}"
    return True, f"unit key, rate in {rate}, decay in [-1, 1]"


def range_of(function: Function, frame: Frame, node: Node) -> Range:
    """The range of a node that the normal form built, from those of the program's nodes."""
    domain: Ranges = frame.domain
    domain.function = function
    for term in topological([node]):
        if term not in frame.values:
            frame.values[term] = frame.evaluate(term)
    return frame.values[node]
