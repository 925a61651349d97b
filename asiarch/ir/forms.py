"""One factor of an update in the terms of the theorem, and the factors that an update composes.

    X' = D * X + sum_r u_r (w_r' X) + sum_m k_m v_m'

An update with several erase terms is cut where everything passes through one value of the state's
shape: the steps of a product stay factors, and nothing is multiplied out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TypeAlias

from asiarch.ir import polynomial as P
from asiarch.ir.domains.affine import Affine, Term, Value
from asiarch.ir.function import StateInfo
from asiarch.ir.interpreter import Group
from asiarch.ir.node import Node

Pair: TypeAlias = tuple[P.Poly, P.Poly]


@dataclass(slots=True)
class Form:
    """The terms of one factor: decay, erases and writes, not yet in sides. `carry`: the decay by
    the state that it decays.
    """

    carry: dict[Node, P.Poly] = field(default_factory=dict[Node, P.Poly])
    erase: list[tuple[Term, Fraction | float]] = field(
        default_factory=list[tuple[Term, "Fraction | float"]]
    )
    write: list[tuple[P.Factors, Fraction | float]] = field(
        default_factory=list[tuple[P.Factors, "Fraction | float"]]
    )

    @property
    def decay(self) -> P.Poly:
        total: P.Poly = {}
        for poly in self.carry.values():
            total = P.add(total, poly)
        return total

    @property
    def contracted(self) -> set[tuple[str, ...]]:
        return {t.over for t, _ in self.erase}

    def rank(self) -> int:
        """Erase terms that are left when those with a common side are one."""
        if len(self.contracted) > 1:
            return len(self.erase)
        return len(erase_pairs(self, next(iter(self.contracted), ())))


def form_of(update: Value) -> Form:
    form = Form()
    for term, coefficient in update.items():
        if term.leaf is None:
            form.write.append((term.scale, coefficient))
        elif not term.over:
            known = form.carry.get(term.leaf, {})
            form.carry[term.leaf] = P.add(known, {term.scale: coefficient})
        else:
            form.erase.append((term, coefficient))
    return form


def factors_of(state: StateInfo, group: Group, update: Value | None, memo: dict[Node, P.Poly]
               ) -> list[Form] | None:  # fmt: skip
    """The factors of an update, first applied first; None where it is not affine in the state."""
    whole = form_of(update) if update is not None else None
    if whole is not None and whole.rank() <= 1:
        return [whole]
    steps = _steps(state, group, memo)
    if steps is None or (len(steps) == 1 and whole is None):
        return None if whole is None else [whole]
    return steps if len(steps) > 1 or whole is None else [whole]


def cuts(state: StateInfo, group: Group) -> list[Node]:
    """Values of the state's shape through which everything passes, in order; the update is last."""
    inside = set(group.nodes)
    last = {state.leaf: -1}
    for place, node in enumerate(group.nodes):
        for arg in node.args:
            if arg in inside or arg is state.leaf:
                last[arg] = place
    found: list[Node] = []
    reach = last[state.leaf]
    for place, node in enumerate(group.nodes):
        if node is state.update:
            break
        if reach <= place and set(node.type.axes) == set(state.leaf.type.axes):
            found.append(node)
        reach = max(reach, last.get(node, -1))
    return [*found, state.update]


def _steps(state: StateInfo, group: Group, memo: dict[Node, P.Poly]) -> list[Form] | None:
    """The fewest factors of one erase term each, taken from the left as long as they stay small."""
    ends = cuts(state, group)
    forms: list[Form] = []
    start, at = state.leaf, 0
    while at < len(ends):
        best: tuple[Form, int] | None = None
        for index in range(at, len(ends)):
            form = _between(start, ends[index], group, memo)
            if form is None or form.rank() > 1:
                break
            best = form, index
        if best is None:
            return None
        forms.append(best[0])
        start, at = ends[best[1]], best[1] + 1
    return forms


def _between(start: Node, end: Node, group: Group, memo: dict[Node, P.Poly]) -> Form | None:
    """`end` in terms of `start`."""
    analysis = Affine(frozenset({start}), memo)
    values: dict[Node, Value | None] = {start: {Term(start, (), (), ()): Fraction(1)}}
    begun = start not in group.nodes
    for node in group.nodes:
        if begun:
            values[node] = analysis.node(node, values)
        begun = begun or node is start
        if node is end:
            break
    update = values.get(end)
    return None if update is None else form_of(update)


# -- sides -----------------------------------------------------------------------------------------


def write_pairs(form: Form, keys: tuple[str, ...], values: tuple[str, ...]) -> list[Pair] | None:
    """Writes as key polynomial times value polynomial, merged where one side agrees."""
    by_key: dict[P.Factors, P.Poly] = {}
    for monomial, coefficient in form.write:
        k, v = _sides(monomial, keys)
        if set(P.axes_of(k)) & set(values) and keys:
            return None
        by_key[k] = P.add(by_key.get(k, {}), {v: coefficient})
    return _merged(by_key)


def erase_pairs(form: Form, keys: tuple[str, ...], values: tuple[str, ...] = ()) -> list[Pair]:
    """Erase terms as u polynomial times w polynomial, merged where one side agrees.

    Terms along `values` are none of this kind and stay out: `erases_values` says so.
    """
    by_u: dict[P.Factors, P.Poly] = {}
    for term, coefficient in form.erase:
        u = tuple(f for f in term.scale if set(f[0].type.axes) & set(keys))
        rest = P.factors(tuple(f for f in term.scale if f not in u), term.weight)
        by_u[u] = P.add(by_u.get(u, {}), {rest: coefficient})
    return _merged(by_u)


def erases_values(form: Form, values: tuple[str, ...]) -> bool:
    """Does an erase term weigh value axes?"""
    return any((P.axes_of(t.scale) | P.axes_of(t.weight)) & set(values) for t, _ in form.erase)


def _merged(by_left: dict[P.Factors, P.Poly]) -> list[Pair]:
    merged: list[Pair] = []
    for left, poly in sorted(by_left.items(), key=lambda t: [(P.key(n), p) for n, p in t[0]]):
        if not poly:
            continue
        lead = _leading(poly)
        poly = P.scale(poly, 1 / lead)
        for index, (known, right) in enumerate(merged):
            if right == poly:
                merged[index] = (P.add(known, {left: lead}), right)
                break
        else:
            merged.append(({left: lead}, poly))
    return merged


def _sides(monomial: P.Factors, keys: tuple[str, ...]) -> tuple[P.Factors, P.Factors]:
    """Key-side factors; everything else goes with the value."""
    k = tuple(f for f in monomial if set(f[0].type.axes) & set(keys))
    return k, tuple(f for f in monomial if f not in k)


def _leading(poly: P.Poly) -> Fraction | float:
    """The coefficient of the first monomial in normal order."""
    first = min(poly, key=lambda m: (len(m), [(P.key(n), p) for n, p in m]))
    return poly[first]


# -- ties ------------------------------------------------------------------------------------------


def tied(pair: Pair, erase: Pair) -> tuple[Pair, Pair] | None:
    """(k, v), (u, w) with u = -k where the write and the erase term can share their direction.

    Numbers per head go where the smallest kernel wants them.
    """
    (k, v), (u, w) = pair, erase
    if not k or set(k) != set(u) or len({u[m] / k[m] for m in u}) != 1:
        return None
    ratio = next(u[m] / k[m] for m in u)
    w = P.scale(w, -ratio)
    common = _common(v, w)
    if common:
        inverse: P.Poly = {tuple((n, -p) for n, p in common): Fraction(1)}
        k = P.mul(k, {common: Fraction(1)})
        v, w = P.mul(v, inverse), P.mul(w, inverse)
    return (k, v), (P.scale(k, -1), w)


def _common(v: P.Poly, w: P.Poly) -> P.Factors:
    """Factors that divide every monomial of both, numerators and denominators apart."""
    shared: dict[Node, int] | None = None
    for monomial in [*v, *w]:
        powers = dict(monomial)
        if shared is None:
            shared = powers
            continue
        shared = {
            n: min(p, powers[n], key=abs)
            for n, p in shared.items()
            if n in powers and (p > 0) == (powers[n] > 0)
        }
    return P.factors(tuple((shared or {}).items()))


def undecayed(w: P.Poly, decay: P.Poly) -> tuple[P.Poly, bool]:
    """Does w read the decayed state? Then w = w0 * D, and w0 is what the kernel takes."""
    if decay == {(): Fraction(1)} or not w:
        return w, False
    first = next(iter(w))
    for lead, coefficient in decay.items():
        inverse = tuple((n, -p) for n, p in lead)
        candidate: P.Poly = {P.factors(first, inverse): w[first] / coefficient}
        atoms = {n for n, _ in lead}
        left = all(p > 0 for n, p in next(iter(candidate)) if n in atoms)
        if left and P.mul(candidate, decay) == w:
            return candidate, True
    return w, False
