"""Forward derivatives over any algebra: a value and its tangent, by each primitive's derivative
term.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from asiarch.ir.domains.algebra import Algebra
from asiarch.ir.node import Node
from asiarch.ir.primitive import lookup
from asiarch.ir.rules import constant


@dataclass(frozen=True, slots=True)
class Pair:
    """value + eps * tangent, arrays of one shape (or broadcasting to it)."""

    value: Any
    tangent: Any

    def moved(self, rule: Callable[..., Any]) -> Pair:
        return Pair(rule(self.value), rule(self.tangent))


class Terms:
    """The arithmetic in which derivative terms are written, over arrays of the base algebra."""

    def __init__(self, base: Algebra) -> None:
        self.base = base

    def number(self, x: float) -> Any:
        return self.base.constant(x)

    def add(self, x: Any, y: Any) -> Any:
        return self.base.add(x, y)

    def sub(self, x: Any, y: Any) -> Any:
        return self.base.add(x, self.base.mul(self.base.constant(-1), y))

    def mul(self, x: Any, y: Any) -> Any:
        return self.base.mul(x, y)

    def div(self, x: Any, y: Any) -> Any:
        return self.base.div(x, y)

    def call(self, name: str, *xs: Any) -> Any:
        return self.base.call(name, *xs)

    def less(self, x: Any, y: Any) -> Any:
        """1 where x < y, by the base's order."""
        return self.base.compare("<", x, y)  # type: ignore[attr-defined]

    def sum_keep(self, x: Any, dims: tuple[int, ...]) -> Any:
        for dim in dims:
            x = self.base.move(lambda a, d=dim: np.expand_dims(a, d), self.base.total(x, dim))
        return x

    def cumsum(self, x: Any, dim: int) -> Any:
        along = np.moveaxis(x, dim, 0)[None]  # the base runs along the second of two axes or more
        return self.base.move(
            lambda a: np.moveaxis(a[0], 0, dim), self.base.cumulative("sum", along)
        )

    def where_nonzero(self, chosen: Any, x: Any) -> Any:
        return np.where(chosen != 0, x, np.zeros((), x.dtype))


class Dual(Algebra):
    """Tangents in the same algebra. Comparisons, masks and the shift of softmax carry none."""

    def __init__(self, base: Algebra) -> None:
        self.base, self.terms = base, Terms(base)

    def lift(self, value: Any) -> Pair:
        return Pair(value, self.base.move(np.zeros_like, value))

    def constant(self, value: Any) -> Pair:
        return self.lift(self.base.constant(value))

    def encode(self, integers: Any) -> Pair:
        return self.lift(self.base.encode(integers))

    def plain(self, x: Any) -> Any:
        return x.value

    def move(self, rule: Callable[..., Any], *values: Pair) -> Pair:
        return Pair(
            self.base.move(rule, *(v.value for v in values)),
            self.base.move(rule, *(v.tangent for v in values)),
        )

    def pointwise(self, node: Node, *values: Pair) -> Pair:
        out = self.base.pointwise(node, *(v.value for v in values))
        if node.op == "pow":
            return Pair(out, self._power(node, out, *values))
        return Pair(out, self._chain(node.op, out, *values))

    def _chain(self, name: str, out: Any, *values: Pair) -> Any:
        total: Any = None
        plain = [v.value for v in values]
        with np.errstate(all="ignore"):
            for rule, value in zip(lookup(name).derivative, values, strict=True):
                part = self._scaled(rule(self.terms, *plain, out), value.tangent)
                total = part if total is None else self.base.add(total, part)
        return total

    def _scaled(self, slope: Any, tangent: Any) -> Any:
        """slope * tangent, with 0 * inf = 0: an input that does not move moves nothing."""
        product = self.base.mul(slope, tangent)
        return np.where(tangent == 0, np.zeros((), product.dtype), product)

    def _power(self, node: Node, out: Any, x: Pair, y: Pair) -> Any:
        base, exponent = (constant(a) for a in node.args)
        terms = self.terms
        if exponent is not None:
            slope = terms.mul(
                terms.number(exponent),
                self.base.raised(x.value, exponent - 1),  # type: ignore[attr-defined]
            )
            return self._scaled(slope, x.tangent)
        if base is not None:
            slope = terms.mul(out, self.base.logarithm(base))  # type: ignore[attr-defined]
            return self._scaled(slope, y.tangent)
        below = self.base.pointwise(node, x.value, terms.sub(y.value, terms.number(1)))
        down = terms.mul(y.value, below)
        up = terms.mul(out, self.base.call("log", x.value))
        return self.base.add(self._scaled(down, x.tangent), self._scaled(up, y.tangent))

    def call(self, name: str, x: Pair) -> Pair:
        out = self.base.call(name, x.value)
        return Pair(out, self._chain(name, out, x))

    def contract(self, x: Pair, y: Pair, over: int) -> Pair:
        return Pair(
            self.base.contract(x.value, y.value, over),
            self.base.add(
                self.base.contract(x.tangent, y.value, over),
                self.base.contract(x.value, y.tangent, over),
            ),
        )

    def reduce(self, node: Node, x: Pair, dims: tuple[int, ...]) -> Pair:
        out = self.base.reduce(node, x.value, dims)
        if node.op == "sum":
            return Pair(out, self.base.reduce(node, x.tangent, dims))
        full = out
        for dim in sorted(dims):
            full = np.expand_dims(full, dim)
        chosen = x.value == full
        share = np.sum(chosen, axis=dims)
        tangent = x.tangent * 0
        tangent = np.where(chosen, x.tangent, tangent)
        summed = tangent
        for dim in sorted(dims):
            summed = self.base.total(summed, dim)
        return Pair(out, self.base.div(summed, self.base.encode(share)))

    def keep(self, node: Node, x: Pair, dims: tuple[int, ...], *extra: int) -> Pair:
        out = self.base.keep(node, x.value, dims, *extra)
        return Pair(out, lookup(node.op).derivative[0](self.terms, out, x.tangent, dims))

    def cumulative(self, which: str, x: Pair) -> Pair:
        out = self.base.cumulative(which, x.value)
        if which == "sum":
            return Pair(out, self.base.cumulative("sum", x.tangent))
        if which == "max":
            return Pair(out, _running_tangent(x.value, out, x.tangent))
        weights = self.base.call("exp", x.value)
        moved = self.base.cumulative("sum", self.base.mul(weights, x.tangent))
        return Pair(out, self.base.div(moved, self.base.cumulative("sum", weights)))

    def whole(self, which: str, x: Pair, dims: tuple[int, ...], count: int | None) -> Pair:
        out = self.base.whole(which, x.value, dims, count)
        if which in ("sum", "mean", "fft"):
            return Pair(out, self.base.whole(which, x.tangent, dims, count))
        if which == "topk":
            return Pair(out, self.terms.where_nonzero(out, x.tangent))
        if which == "softmax":
            rule = lookup("softmax").derivative[0]
            positive = tuple(d % out.ndim for d in dims)
            return Pair(out, rule(self.terms, out, x.tangent, positive))
        raise ValueError(f"no derivative of {which} over time")

    def add(self, x: Pair, y: Any) -> Pair:
        if not isinstance(y, Pair):
            return Pair(self.base.add(x.value, y), x.tangent)
        return Pair(self.base.add(x.value, y.value), self.base.add(x.tangent, y.tangent))

    def mul(self, x: Pair, y: Pair) -> Pair:
        left, right = self.base.mul(x.tangent, y.value), self.base.mul(x.value, y.tangent)
        return Pair(self.base.mul(x.value, y.value), self.base.add(left, right))

    def div(self, x: Pair, y: Pair) -> Pair:
        out = self.base.div(x.value, y.value)
        top = self.terms.sub(x.tangent, self.base.mul(out, y.tangent))
        return Pair(out, self.base.div(top, y.value))

    def total(self, x: Pair, dim: int) -> Pair:
        return Pair(self.base.total(x.value, dim), self.base.total(x.tangent, dim))

    def shift(self, scores: Pair, mask: Any, sink: Pair | None) -> Any | None:
        return self.base.shift(scores.value, mask, None if sink is None else sink.value)

    def nonzero(self, denominator: Pair, cover: Any) -> Pair:
        return Pair(self.base.nonzero(denominator.value, cover), denominator.tangent)

    def order(self, x: Any) -> Any:
        return self.base.order(x)

    def mean(self, x: Any, cover: Any) -> Any:
        return self.base.mean(x, cover)


def _running_tangent(x: Any, out: Any, tangent: Any) -> Any:
    moved = np.empty_like(tangent)
    moved[:, 0] = tangent[:, 0]
    for t in range(1, x.shape[1]):
        moved[:, t] = np.where(out[:, t] == out[:, t - 1], moved[:, t - 1], tangent[:, t])
    return moved
