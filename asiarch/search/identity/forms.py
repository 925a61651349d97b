"""Terms in normal form, interned: sums of products of atoms, an atom being anything else.

Equal algebra gives one number, so comparing is comparing numbers. Numbers are local to a `Forms`;
what leaves it is made by `labels`, which knows no numbers of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple, TypeAlias

Monomial: TypeAlias = tuple[tuple[int, int], ...]
"""(atom, power), sorted."""
Poly: TypeAlias = dict[Monomial, Fraction | float | int]

LIMIT = 24
"""A sum of more monomials is kept as one atom; what is spelled around it may then be missed."""
SUM = "+"
NOWHERE: frozenset[str] = frozenset()


class Axis(str):
    """The name of an axis among the attributes of a form. Other strings there are words, though an
    axis may be called so: `dilation` is an attribute of a window, and an axis of `conv`.
    """

    __slots__ = ()


class Form(NamedTuple):
    """`kids` are forms; `axes` those of the value, in no order. A sum has `terms` and no kids."""

    op: str
    attrs: tuple[Any, ...] = ()
    kids: tuple[int, ...] = ()
    axes: frozenset[str] = frozenset()
    stream: bool = True
    truth: bool = False
    terms: tuple[tuple[Monomial, Fraction | float | int], ...] = ()


@dataclass(slots=True)
class Forms:
    """Every form met, by number. Most are met again: one is made only where it is new."""

    table: dict[tuple[Any, ...], int] = field(default_factory=dict[tuple[Any, ...], int])
    items: list[Form] = field(default_factory=list[Form])
    sums: dict[tuple[Any, ...], int] = field(default_factory=dict[tuple[Any, ...], int])
    """Numbers of sums by their terms."""
    notes: dict[int, Any] = field(default_factory=dict[int, Any])
    """What whoever reads forms keeps of one, by number."""

    def intern(
        self,
        op: str,
        attrs: tuple[Any, ...] = (),
        kids: tuple[int, ...] = (),
        axes: frozenset[str] = NOWHERE,
        stream: bool = True,
        truth: bool = False,
        terms: tuple[tuple[Monomial, Fraction | float | int], ...] = (),
    ) -> int:
        """The number of a form, by the fields of `Form`."""
        key = (op, attrs, kids, axes, stream, truth, terms)
        found = self.table.get(key)
        if found is None:
            form = Form(*key)
            found = self.table[form] = len(self.items)
            self.items.append(form)
        return found

    def atom(
        self,
        op: str,
        *kids: int,
        attrs: tuple[Any, ...] = (),
        axes: frozenset[str] = NOWHERE,
        stream: bool = True,
        truth: bool = False,
    ) -> Poly:
        return {((self.intern(op, attrs, kids, axes, stream, truth), 1),): 1}

    def number(self, poly: Poly) -> int:
        """The form of a polynomial: its one atom, or a sum."""
        if len(poly) == 1:
            ((monomial, coefficient),) = poly.items()
            if coefficient == 1 and len(monomial) == 1 and monomial[0][1] == 1:
                return monomial[0][0]
        terms = tuple(sorted(poly.items(), key=_place) if len(poly) > 1 else poly.items())
        found = self.sums.get(terms)
        if found is None:
            axes: set[str] = set()
            stream = False
            for monomial in poly:
                for atom, _ in monomial:
                    item = self.items[atom]
                    axes |= item.axes
                    stream = stream or item.stream
            found = self.intern(SUM, axes=frozenset(axes), stream=stream, terms=terms)
            self.sums[terms] = found
        return found

    def whole(self, poly: Poly) -> Poly:
        """The same value as one atom."""
        return {((self.number(poly), 1),): 1} if len(poly) > 1 else poly

    # -- algebra -----------------------------------------------------------------------------------

    def add(self, a: Poly, b: Poly, sign: int = 1) -> Poly:
        out = dict(a)
        for monomial, value in b.items():
            total = out.get(monomial, 0) + (value if sign == 1 else -value)
            if total:
                out[monomial] = total
            else:
                out.pop(monomial, None)
        return out if len(out) <= LIMIT else self.whole(out)

    def product(self, a: Poly, b: Poly) -> Poly:
        if len(a) * len(b) > LIMIT:
            a, b = self.whole(a), self.whole(b)
        if len(a) == 1 and len(b) == 1:
            ((left, x),), ((right, y),) = a.items(), b.items()
            return {self.joined(left, right): x * y} if x * y else {}
        out: Poly = {}
        for left, x in a.items():
            for right, y in b.items():
                monomial = self.joined(left, right)
                total = out.get(monomial, 0) + x * y
                if total:
                    out[monomial] = total
                else:
                    out.pop(monomial, None)
        return out

    def joined(self, a: Monomial, b: Monomial) -> Monomial:
        if not a or not b:
            return a or b
        if len(a) == 1 and len(b) == 1 and a[0][0] != b[0][0] and not self.items[b[0][0]].truth:
            return a + b if a[0][0] < b[0][0] else b + a
        powers = dict(a)
        for atom, power in b:
            powers[atom] = 1 if self.items[atom].truth else powers.get(atom, 0) + power
        return tuple(sorted((k, p) for k, p in powers.items() if p))

    def inverse(self, poly: Poly) -> Poly:
        if not poly:
            return self.atom("zero divisor", stream=False)
        if len(poly) == 1:
            ((monomial, value),) = poly.items()
            if not any(self.items[a].truth for a, _ in monomial):
                inverse = 1 / value if isinstance(value, float) else whole(1 / Fraction(value))
                return {tuple((a, -p) for a, p in monomial): inverse}
        return {((self.number(poly), -1),): 1}

    def summed(self, poly: Poly, over: frozenset[str], count: Any) -> Poly:
        """The sum over axes. `count(axis)`: an axis' size as a polynomial, for terms without it."""
        out: Poly = {}
        for monomial, value in poly.items():
            inside = tuple(f for f in monomial if self.items[f[0]].axes & over)
            outside = tuple(f for f in monomial if not self.items[f[0]].axes & over)
            mine = frozenset(a for f in inside for a in self.items[f[0]].axes) & over
            term: Poly = {outside: value}
            if inside:
                term = self.product(term, self._inner(inside, mine))
            for axis in sorted(over - mine):
                term = self.product(term, count(axis))
            out = self.add(out, term)
        return out

    def _inner(self, inside: Monomial, over: frozenset[str]) -> Poly:
        if len(inside) == 1 and inside[0][1] == 1:
            item = self.items[inside[0][0]]
            if item.op == "sum":  # a sum of a sum
                over, inside = over | item.attrs[0], ((item.kids[0], 1),)
        kid = self.number({inside: 1})
        item = self.items[kid]
        return self.atom("sum", kid, attrs=(over,), axes=item.axes - over, stream=item.stream)

    def shifted(self, poly: Poly, op: str, attrs: tuple[Any, ...]) -> Poly:
        """A time shift of products: what does not change with the token stands outside of it. A
        term without a stream is 0 before the start, so it stays inside.
        """
        out: Poly = {}
        for monomial, value in poly.items():
            moving = tuple(f for f in monomial if self.items[f[0]].stream)
            still = tuple(f for f in monomial if not self.items[f[0]].stream)
            if not moving:
                moving, still = monomial, ()
            kid = self.number({moving: 1})
            item = self.items[kid]
            steps = attrs
            if op == "delay" and item.op == "delay" and attrs[0] > 0 and item.attrs[0] > 0:
                steps, kid = (attrs[0] + item.attrs[0],), item.kids[0]
            moved = self.atom(op, kid, attrs=steps, axes=item.axes)
            out = self.add(out, self.product({still: value}, moved))
        return out

    def moved(self, poly: Poly, op: str, attrs: tuple[Any, ...]) -> Poly:
        """The value at another token: of every factor that changes with the token."""
        out: Poly = {}
        for monomial, value in poly.items():
            term: Poly = {(): value}
            for atom, power in monomial:
                item = self.items[atom]
                factor = atom
                if item.stream:
                    factor = self.intern(op, attrs, (atom,), item.axes, truth=item.truth)
                term = self.product(term, {((factor, power),): 1})
            out = self.add(out, term)
        return out


def _place(term: tuple[Monomial, Any]) -> Monomial:
    return term[0]


def whole(value: Fraction) -> Fraction | int:
    """A whole number as an int: it is hashed far sooner."""
    return value.numerator if value.denominator == 1 else value


def constant(poly: Poly) -> Fraction | float | int | None:
    """The number that a polynomial is."""
    if not poly:
        return 0
    return poly.get(()) if len(poly) == 1 else None


def scaled(poly: Poly, factor: int) -> Poly:
    return {m: c * factor for m, c in poly.items()}


def kids_of(form: Form) -> Iterable[int]:
    """Forms that a form is made of."""
    if form.op == SUM:
        return [atom for monomial, _ in form.terms for atom, _ in monomial]
    return form.kids
