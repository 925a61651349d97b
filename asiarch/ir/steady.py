"""Roots and other fractional powers of exponentials, taken of the exponent.

`sigmoid(z)^(1/16)`, the decay of gated linear attention, and `sqrt(1 - a^2)` of a decay `a`, which
scales what linear recurrent units write, are fine for all real numbers. In float32 a sigmoid is 0
below -104, and so is its power, which is e^-6.5; the gradient of the power there is infinity, times
the sigmoid's own, which is 0: nan. And `1 - a^2` is 0 from `a = 1 - 6e-8` on, where its root is
3e-4 and the slope of the root infinity. Of the exponent, as `exp(logsigmoid(z) / 16)` and
`sqrt(-expm1(2 u))` with `a = exp(u)`, all are right, until u itself is 0 in floating point.

The reference keeps the text's own form, so that each is tested against the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from asiarch.ir import rules
from asiarch.ir.function import Function
from asiarch.ir.node import Node, rebuild, rewrite

_HALF = rules.number(Fraction(1, 2))


def steady(flat: Function) -> Function:
    """The same flat function; bodies of `attend` stay as they are."""
    if not any(_power(n, n.args) for n in flat.nodes()):
        return flat
    return flat.over(rewrite([*flat.nodes(), *(s.leaf for s in flat.states)], _rule))


def _rule(node: Node, args: tuple[Node, ...]) -> Node:
    power = _power(node, args)
    if power is None:
        return rebuild(node, args)
    exponent = _exponent(args[0])
    if exponent is not None:
        return rules.pointwise("exp", rules.pointwise("mul", exponent, power))
    rest = _rest(args[0])
    return rebuild(node, args if rest is None else (rest, *args[1:]))


def _power(node: Node, args: Sequence[Node]) -> Node | None:
    """The constant to whose power something is taken; None for integers, whose powers are
    products, with a slope everywhere.
    """
    if node.op not in ("sqrt", "pow"):
        return None
    power = _HALF if node.op == "sqrt" else args[1]
    number = rules.constant(power)
    return None if number is None or number.is_integer() else power


def _exponent(node: Node) -> Node | None:
    """u of a node that is exp(u): an exponential, a sigmoid, a power of one, a product of two."""
    if node.op == "exp":
        return node.args[0]
    if node.op == "sigmoid":
        return rules.pointwise("logsigmoid", node.args[0])
    if node.op == "pow" and rules.constant(node.args[1]) is not None:
        base = _exponent(node.args[0])
        return None if base is None else rules.pointwise("mul", base, node.args[1])
    if node.op == "mul":
        left, right = map(_exponent, node.args)
        # A product joins axes, a sum does not.
        if left and right and set(left.type.axes) == set(right.type.axes):
            return rules.pointwise("add", left, right)
    return None


def _rest(node: Node) -> Node | None:
    """`-expm1(u)` of a node that is `1 - exp(u)`."""
    if node.op != "sub" or rules.constant(node.args[0]) != 1:
        return None
    exponent = _exponent(node.args[1])
    if exponent is None:
        return None
    return rules.pointwise("sub", rules.number(0), rules.pointwise("expm1", exponent))
