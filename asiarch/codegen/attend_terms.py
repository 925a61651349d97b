"""The terms of an `attend` body in the order that is cheapest and most exact on pairs of tokens.

Equal as functions, so the exact ring cannot tell them apart: a factor of a product over all pairs
goes to the attending token's side, and what reads one token each is subtracted before it meets the
product (a difference of two large running sums has fewer digits to lose). A pair that is not
admissible is computed too, and its weight is 0; where a function is not finite everywhere, such a
pair gets 1 for its argument, since 0 times the derivative at infinity is no number.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import product

import numpy as np

from asiarch.ir import rules
from asiarch.ir.function import Function
from asiarch.ir.node import Node, make, rebuild, topological
from asiarch.ir.primitive import lookup

PROBES = (-1000.0, 0.0, 1000.0)
ALONE = (0.5, 1.0)  # what is read of one token stands at admissible pairs too


def layouts_of(body: Function) -> dict[Node, str]:
    """What each node varies with: t, j, pair, or nothing (tensor)."""
    out: dict[Node, str] = {}
    for node in topological([*body.inputs, *body.outputs]):
        if node.op == "at":
            out[node] = node.attr("which")
        elif node.op == "position":
            out[node] = "pair"
        elif node in body.inputs:
            out[node] = "t" if node.type.stream else "tensor"
        else:
            kinds = {out[a] for a in node.args} - {"tensor"}
            out[node] = "tensor" if not kinds else kinds.pop() if len(kinds) == 1 else "pair"
    return out


def arranged(body: Function) -> Function:
    """The body with its score so rewritten."""
    body = _guarded(body)
    outputs = list(body.outputs)
    for rule in (_scaled, _differences):
        layouts = layouts_of(replace(body, outputs=tuple(outputs)))
        new: dict[Node, Node] = {}
        for node in topological([outputs[1]]):
            after = rebuild(node, tuple(new[a] for a in node.args))
            layouts.setdefault(after, layouts[node])
            if layouts[node] == "pair":
                after = rule(after, layouts)
            new[node] = after
        outputs[1] = new[outputs[1]]
    return replace(body, outputs=tuple(outputs))


def _guarded(body: Function) -> Function:
    """The body with harmless arguments where the condition does not hold."""
    condition, layouts = body.outputs[0], layouts_of(body)
    new: dict[Node, Node] = {}
    for node in topological(body.outputs[1:]):
        args = [new[a] for a in node.args]
        pairs = [layouts[a] == "pair" for a in node.args]
        if any(pairs) and lookup(node.op).kind == "pointwise" and not _finite(node, pairs):
            args = [_where(condition, x) if p else x for x, p in zip(args, pairs, strict=True)]
        new[node] = rebuild(node, tuple(args))
    return replace(body, outputs=(condition, *(new[o] for o in body.outputs[1:])))


def _where(condition: Node, x: Node) -> Node:
    kind = replace(x.type, mode="seq", positional=False)
    return make("select", (condition, x, rules.number(1)), kind)


def _finite(node: Node, pairs: list[bool]) -> bool:
    """Is a pointwise function finite for every pair, where it is for the tokens alone?"""
    given: list[tuple[float, ...]] = []
    for arg, pair in zip(node.args, pairs, strict=True):
        number = rules.constant(arg)
        given.append(PROBES if pair else ALONE if number is None else (float(number),))
    return _finite_at(node.op, tuple(given))


@cache
def _finite_at(op: str, given: tuple[tuple[float, ...], ...]) -> bool:
    rule = lookup(op).float64
    assert rule is not None
    with np.errstate(all="ignore"):
        found = [rule(np, *map(np.float64, values)) for values in product(*given)]
    return bool(np.isfinite(np.array(found, np.float64)).all())


def _scaled(node: Node, layouts: dict[Node, str]) -> Node:
    """(q[t] @ k[j]) / s is (q[t] / s) @ k[j]."""
    if node.op not in ("div", "mul"):
        return node
    found = node.args
    product = next((a for a in found if _bilinear(a, layouts)), None)
    if product is None or (node.op == "div" and product is not found[0]):
        return node
    factor = found[1] if product is found[0] else found[0]
    if layouts.get(factor) not in ("tensor", "t") or node.type.axes != product.type.axes:
        return node
    over = set(product.attr("over"))
    sides = list(product.args)
    mine = next(i for i, side in enumerate(sides) if layouts.get(side) == "t")
    kind = sides[mine].type
    if not set(factor.type.axes) <= set(kind.axes) - over:
        return node
    scaled = make(node.op, (sides[mine], factor), kind)
    layouts[scaled] = "t"
    sides[mine] = scaled
    after = make("contract", sides, product.type, **dict(product.attrs))
    layouts[after] = "pair"
    return after


def _bilinear(node: Node, layouts: dict[Node, str]) -> bool:
    """A product of what the one and what the other token has, summed over an axis."""
    if node.op != "contract" or not node.attr("over"):
        return False
    return {layouts.get(a) for a in node.args} == {"t", "j"}


def _differences(node: Node, layouts: dict[Node, str]) -> Node:
    """pair + f[t] - g[j] is pair + (f[t] - g[j])."""
    if node.op not in ("add", "sub"):
        return node
    terms = _terms(node, 1, layouts)
    groups = {w: [x for x in terms if layouts.get(x[1]) == w] for w in ("pair", "t", "j", "tensor")}
    if groups["tensor"] or not all(groups[w] for w in ("pair", "t", "j")):
        return node
    if any(x.type.axes != node.type.axes for _, x in terms):
        return node
    single = sorted(groups["t"], key=lambda x: -x[0]) + sorted(groups["j"], key=lambda x: -x[0])
    if max(sign for sign, _ in single) < 0 or max(sign for sign, _ in groups["pair"]) < 0:
        return node
    together = _sum(sorted(single, key=lambda x: -x[0]), layouts)
    return _sum([*sorted(groups["pair"], key=lambda x: -x[0]), (1, together)], layouts)


def _terms(node: Node, sign: int, layouts: dict[Node, str]) -> list[tuple[int, Node]]:
    if node.op not in ("add", "sub") or node.type.positional or layouts.get(node) != "pair":
        return [(sign, node)]
    second = sign if node.op == "add" else -sign
    left = _terms(node.args[0], sign, layouts)
    return left + _terms(node.args[1], second, layouts)


def _sum(terms: list[tuple[int, Node]], layouts: dict[Node, str]) -> Node:
    total = terms[0][1]
    for sign, term in terms[1:]:
        op = "add" if sign > 0 else "sub"
        pair = (total, term)
        total = make(op, pair, rules.spread_type(pair, f"`{op}`"))
        layouts[total] = "pair"
    return total
