"""Stability of a recurrence from its normal form: norms of the transition at most 1.

Proved for a decay in [-1, 1], alone or with the erase term of the delta rule: (I - b k k') D with
a unit key k and b in [0, 2] is a product of a contraction and a reflection-like map of norm at most
1, and so is every product of such factors. Where the erase term reads the undecayed state,
D - b k k' is symmetric with eigenvalues from min D - b to max D. Anything else is undecided here
(the transition of Gated DeltaNet-2, or of RWKV-7 with a rate per channel, can have norm 1.14).
"""

from __future__ import annotations

from fractions import Fraction

from asiarch.ir import polynomial as P
from asiarch.ir.domains.ranges import Ranges
from asiarch.ir.function import Function
from asiarch.ir.interpreter import Frame
from asiarch.ir.interval import Range
from asiarch.ir.node import Node, topological
from asiarch.ir.recurrence import Erase, Factor, Recurrence


def stable(function: Function, frame: Frame, found: Recurrence) -> tuple[bool, str]:
    """(proved, why) for one recurrence of a flat function, given a run of its ranges."""
    name = found.states[0].name
    if found.cls in ("nonlinear", "momentum", "max-plus") or found.coupled is not None:
        return False, f"the state {name} is {found.cls}"
    reason = "the decay is in [-1, 1]"
    for gate in found.gates:
        decay = range_of(function, frame, gate)
        if not decay.inside(-1, 1, False, False):
            return False, f"the decay of {name} is in {decay}"
    if not found.kernel and "rank" in found.cls:
        return False, f"{found.cls}: {found.note}"
    for factor in found.factors:
        for erase in factor.erases:
            proved, reason = _delta(function, frame, found.keys, factor, erase)
            if not proved:
                return False, reason
    return True, reason


def _delta(
    function: Function, frame: Frame, keys: tuple[str, ...], factor: Factor, erase: Erase
) -> tuple[bool, str]:
    """Has (I - b k k') D, or D - b k k' where it reads the undecayed state, a norm of at most 1?"""
    memo: dict[Node, P.Poly] = {}
    write, read = P.expand(erase.u, memo), P.expand(erase.w, memo)
    if len(read) != 1:
        return False, "the erase key is a sum"
    ((monomial, coefficient),) = read.items()
    along = tuple(f for f in monomial if set(f[0].type.axes) & set(keys))
    numbers = tuple(f for f in monomial if f not in along)
    inverse = P.factors(numbers, tuple((n, -p) for n, p in along))
    key = range_of(function, frame, P.build({along: Fraction(1)}))
    beta = P.mul(write, {inverse: -coefficient})
    if P.axes_of(f for m in beta for f in m) & set(keys):
        return False, "the write key and the erase key are not parallel"
    rate = range_of(function, frame, P.build(beta))
    if set(key.unit) != set(keys):
        return False, "the key is not proved to be a unit vector (l2norm)"
    if erase.decayed or factor.decay is None:
        if rate.inside(0, 2, False, False):
            return True, f"unit key, rate in {rate}, decay in [-1, 1]"
        return False, f"the rate of the delta rule is in {rate}"
    decay = range_of(function, frame, factor.decay)
    if rate.inside(0, 2, False, False) and rate.high <= 1 + decay.low:
        return True, f"unit key, rate in {rate}, at most 1 more than the decay in {decay}"
    return False, f"the rate of an erase term on the undecayed state is in {rate}"


def range_of(function: Function, frame: Frame, node: Node) -> Range:
    """The range of a node that the normal form built, from those of the program's nodes."""
    domain: Ranges = frame.domain
    domain.function = function
    for term in topological([node]):
        if term not in frame.values:
            frame.values[term] = frame.evaluate(term)
    return frame.values[node]
