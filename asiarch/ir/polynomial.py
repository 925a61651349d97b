"""Products and sums of state-free terms in normal form: the coefficients of the affine domain.

A monomial is a multiset of atoms (nodes that are no product or sum); a polynomial maps monomials to
numbers. Equal algebra gives equal polynomials, whatever way it was written, and `build` gives equal
polynomials one node.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any, TypeAlias, cast

from asiarch.ir import rules
from asiarch.ir.function import Function
from asiarch.ir.node import Node, topological
from asiarch.ir.primitives.expand import expand as expand_node
from asiarch.ir.size import Size

Factors: TypeAlias = tuple[tuple[Node, int], ...]
Poly: TypeAlias = dict[Factors, Fraction | float]

LIMIT = 24
"""A sum of more monomials than this is kept as one atom."""


def key(node: Node) -> str:
    """A text that equal terms share and renaming does not change (inputs go by their place)."""
    if node.digest is None:
        for term in topological([node]):
            if term.digest is None:
                term.digest = _digest(term)
    assert node.digest is not None
    return node.digest


def _digest(term: Node) -> str:
    attrs = [(k, _attribute(v)) for k, v in term.attrs if k not in ("name", "of")]
    text = f"{term.op}{attrs}{term.type.axes}" + ",".join(str(a.digest) for a in term.args)
    return f"{len(term.type.axes)}{hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}"


def _attribute(value: Any) -> Any:
    """A function by what it computes; anything else by its text."""
    if isinstance(value, tuple):
        return [_attribute(v) for v in cast("tuple[Any, ...]", value)]
    if not isinstance(value, Function):
        return value if isinstance(value, str) else str(value)
    if "digest" not in value.memo:
        parts = [value.kind, *value.axes, *map(str, value.axes.values())]
        value.memo["digest"] = "|".join([*parts, *map(key, value.roots())])
    return value.memo["digest"]


def factors(*items: Factors) -> Factors:
    """The product of monomials."""
    powers: dict[Node, int] = {}
    for item in items:
        for node, power in item:
            powers[node] = powers.get(node, 0) + power
    return tuple(sorted(((n, p) for n, p in powers.items() if p), key=lambda f: (key(f[0]), f[1])))


def add(a: Mapping[Factors, Fraction | float], b: Mapping[Factors, Fraction | float]) -> Poly:
    out: Poly = dict(a)
    for monomial, value in b.items():
        total = out.get(monomial, Fraction(0)) + value
        if total == 0:
            out.pop(monomial, None)
        else:
            out[monomial] = total
    return out


def scale(a: Mapping[Factors, Fraction | float], number: Fraction | float) -> Poly:
    return {m: c * number for m, c in a.items()}


def mul(a: Mapping[Factors, Fraction | float], b: Mapping[Factors, Fraction | float]) -> Poly:
    out: Poly = {}
    for m1, c1 in a.items():
        for m2, c2 in b.items():
            out = add(out, {factors(m1, m2): c1 * c2})
    return out


def atom(node: Node) -> Poly:
    return {((node, 1),): Fraction(1)}


def number(value: Fraction | float) -> Poly:
    return {(): value} if value else {}


def expand(node: Node, memo: dict[Node, Poly]) -> Poly:
    """The polynomial of a state-free node."""
    for term in topological([node]):
        if term not in memo:
            memo[term] = _expand(term, memo)
    return memo[node]


def _expand(node: Node, memo: dict[Node, Poly]) -> Poly:
    parts = [memo[a] for a in node.args]
    match node.op:
        case "size":
            value: Size = node.attr("value")
            return number(value.constant) if value.constant is not None else atom(node)
        case "const":
            return number(float(node.attr("value")))
        case "order" | "expand":
            return parts[0]
        case "mul":
            out = mul(*parts) if len(parts[0]) * len(parts[1]) <= LIMIT else atom(node)
        case "add":
            out = add(*parts)
        case "sub":
            out = add(parts[0], scale(parts[1], Fraction(-1)))
        case "div" if len(parts[1]) == 1:
            ((monomial, coefficient),) = parts[1].items()
            inverse = tuple((n, -p) for n, p in monomial)
            out = mul(parts[0], {factors(inverse): 1 / coefficient})
        case "div":
            out = mul(parts[0], {((node.args[1], -1),): Fraction(1)})
        case _:
            return atom(node)
    return out if len(out) <= LIMIT else atom(node)


# -- back to nodes ---------------------------------------------------------------------------------


def axes_of(monomial: Iterable[tuple[Node, int]]) -> set[str]:
    return {a for node, _ in monomial for a in node.type.axes}


def build_monomial(monomial: Factors, coefficient: Fraction | float) -> Node:
    """One node for a product: small atoms first, so that outer products come last."""
    top: Node | None = None
    bottom: Node | None = None
    for node, power in monomial:
        for _ in range(abs(power)):
            if power > 0:
                top = node if top is None else rules.pointwise("mul", top, node)
            else:
                bottom = node if bottom is None else rules.pointwise("mul", bottom, node)
    if top is None:
        top = rules.number(coefficient)
    elif coefficient == -1:
        top = rules.pointwise("sub", rules.number(0), top)
    elif coefficient != 1:
        top = rules.pointwise("mul", rules.number(coefficient), top)
    return top if bottom is None else rules.pointwise("div", top, bottom)


def build(poly: Poly) -> Node:
    """One node for a polynomial: monomials in a fixed order, the first positive one leading."""
    if not poly:
        return rules.number(0)
    order = sorted(
        poly.items(), key=lambda t: (t[1] < 0, len(t[0]), [(key(n), p) for n, p in t[0]])
    )
    union: list[str] = []
    for monomial, _ in order:
        for node, _ in monomial:
            union += [a for a in node.type.axes if a not in union]
    out: Node | None = None
    for monomial, coefficient in order:
        negative = coefficient < 0 and out is not None
        term = build_monomial(monomial, -coefficient if negative else coefficient)
        if len(order) > 1:
            term = _spread(term, tuple(union))
        if out is None:
            out = term
        else:
            out = rules.pointwise("sub" if negative else "add", out, term)
    assert out is not None
    return out


def _spread(node: Node, axes: tuple[str, ...]) -> Node:
    missing = tuple(a for a in axes if a not in node.type.axes)
    if not missing or not node.type.stream or node.type.positional:
        return node
    return expand_node(node, missing)
