"""The exact meaning: Z/1289**3, where a sum of products has one value whatever its order."""

from __future__ import annotations

from typing import Any

import numpy as np

from asiarch.ir.domains import ring_arithmetic as ra
from asiarch.ir.domains.algebra import Algebra
from asiarch.ir.node import Node
from asiarch.ir.primitive import Primitive, lookup
from asiarch.ir.rules import constant, whole


class _Rules:
    """The names that primitives' `ring` rules use."""

    np = np

    def __getattr__(self, name: str) -> Any:
        return getattr(ra, name)

    @staticmethod
    def sum(x: Any, dims: tuple[int, ...]) -> Any:
        return ra.total(x, dims)

    @staticmethod
    def where(condition: Any, x: Any, y: Any) -> Any:
        return np.where(condition != 0, x, y)

    @staticmethod
    def compare(op: str, x: Any, y: Any) -> Any:
        a, b = ra.order(x), ra.order(y)
        truth = {"<": a < b, "<=": a <= b, "==": a == b, "!=": a != b}[op]
        return truth.astype(np.int64)

    @staticmethod
    def softmax(x: Any, dims: tuple[int, ...]) -> Any:
        weights = ra.exp(x)
        return ra.mul(weights, ra.inverse(ra.total(weights, dims, keepdims=True)))


_INTEGER = frozenset({"less", "less_equal", "equal", "not_equal", "mod"})

RULES = _Rules()


def _rule(primitive: Primitive) -> Any:
    """A primitive's own ring rule, else a tagged function of its operands."""
    if primitive.ring is not None:
        return lambda *values: primitive.ring(RULES, *values)  # type: ignore[misc]

    def tagged(*values: Any) -> Any:
        mixed = values[0]
        for value in values[1:]:
            mixed = ra.add(ra.tag(f"{primitive.name}.next", mixed), value)
        return ra.tag(primitive.name, mixed)

    return tagged


class Ring(Algebra):
    """Values are int64 residues; `ring_arithmetic.NEG` is minus infinity."""

    def constant(self, value: Any) -> Any:
        return np.int64(ra.number(value))

    def encode(self, integers: Any) -> Any:
        return np.asarray(integers, np.int64) % ra.N

    def plain(self, x: Any) -> Any:
        return x

    def pointwise(self, node: Node, *values: Any) -> Any:
        if node.op == "pow":
            return self._power(node, *values)
        if node.op in _INTEGER and all(a.type.positional and whole(a) for a in node.args):
            return self._integers(node.op, *values)
        return _rule(lookup(node.op))(*values)

    def _integers(self, op: str, x: Any, y: Any) -> Any:
        """Positions compare, and leave remainders, as the integers they are."""
        a, b = (np.where(v > ra.N // 2, v - ra.N, v) for v in (x, y))
        if op == "mod":
            return np.mod(a, b) % ra.N
        truth = {"less": a < b, "less_equal": a <= b, "equal": a == b, "not_equal": a != b}[op]
        return truth.astype(np.int64)

    def _power(self, node: Node, x: Any, y: Any) -> Any:
        base, exponent = (constant(a) for a in node.args)
        if exponent is not None:
            return ra.power(x, exponent)
        if base is not None:
            return ra.constant_power(base, y)
        return ra.exp(ra.mul(y, ra.log(x)))

    def call(self, name: str, x: Any) -> Any:
        return _rule(lookup(name))(x)

    def compare(self, op: str, x: Any, y: Any) -> Any:
        return RULES.compare(op, x, y)

    def raised(self, x: Any, exponent: float) -> Any:
        return ra.power(x, exponent)

    def logarithm(self, base: float) -> Any:
        return np.int64(ra.log_of_constant(base))

    def contract(self, x: Any, y: Any, over: int) -> Any:
        if over == 0:
            return ra.mul(x, y)
        rank = max(x.ndim, y.ndim)
        letters = "abcdefghijklmnopqrstuvwxyz"[:rank]
        x = x.reshape((1,) * (rank - x.ndim) + x.shape)
        y = y.reshape((1,) * (rank - y.ndim) + y.shape)
        left = "".join(c for c, n in zip(letters, x.shape, strict=True) if n != 1)
        right = "".join(c for c, n in zip(letters, y.shape, strict=True) if n != 1)
        kept = "".join(c for c in letters[: rank - over] if c in left or c in right)
        flat = ra.contract(
            f"{left},{right}->{kept}",
            x.reshape([n for n in x.shape if n != 1]),
            y.reshape([n for n in y.shape if n != 1]),
        )
        ends = zip(x.shape[: rank - over], y.shape[: rank - over], strict=True)
        return np.asarray(flat).reshape([max(a, b) for a, b in ends])

    def reduce(self, node: Node, x: Any, dims: tuple[int, ...]) -> Any:
        return lookup(node.op).ring(RULES, x, dims)  # type: ignore[misc]

    def keep(self, node: Node, x: Any, dims: tuple[int, ...], *extra: int) -> Any:
        return lookup(node.op).ring(RULES, x, dims, *extra)  # type: ignore[misc]

    def cumulative(self, which: str, x: Any) -> Any:
        if which == "sum":
            return ra.cumsum(x, 1)
        if which == "max":
            keys = np.maximum.accumulate(ra.order(x), axis=1)
            return ra.amax(np.stack([x, x]), axis=0) if x.shape[1] < 2 else _running_max(x, keys)
        weights = ra.cumsum(ra.exp(x), 1)
        return ra.log(weights)

    def whole(self, which: str, x: Any, dims: tuple[int, ...], count: int | None) -> Any:
        match which:
            case "sum" | "mean":
                rule = ra.total if which == "sum" else ra.mean
                reduced = rule(x, dims, keepdims=True)
            case "max" | "min":
                reduced = (ra.amax if which == "max" else ra.amin)(x, dims, keepdims=True)
            case "softmax":
                return RULES.softmax(x, dims)
            case _:
                raise ValueError(f"the ring has no {which} over time")
        squeezed = np.squeeze(reduced, axis=tuple(d for d in dims if d != 1))
        return np.broadcast_to(squeezed, (x.shape[0], x.shape[1], *squeezed.shape[2:]))

    def add(self, x: Any, y: Any) -> Any:
        return ra.add(x, y)

    def mul(self, x: Any, y: Any) -> Any:
        return ra.mul(x, y)

    def div(self, x: Any, y: Any) -> Any:
        return ra.mul(x, ra.inverse(y))

    def total(self, x: Any, dim: int) -> Any:
        return ra.total(x, dim)

    def shift(self, scores: Any, mask: Any, sink: Any | None) -> Any | None:
        return None

    def nonzero(self, denominator: Any, cover: Any) -> Any:
        return np.where(~cover.any(axis=2) & (denominator == 0), 1, denominator)

    def order(self, x: Any) -> Any:
        return ra.order(x)

    def mean(self, x: Any, cover: Any) -> Any:
        count = np.maximum(cover.sum(axis=2), 1)
        return ra.mul(ra.total(np.where(cover, x, 0), 2), ra.inverse(count))


def _running_max(x: Any, keys: Any) -> Any:
    """The entries whose order is the running maximum."""
    out = np.empty_like(x)
    out[:, 0] = x[:, 0]
    own = ra.order(x)
    for t in range(1, x.shape[1]):
        out[:, t] = np.where(own[:, t] == keys[:, t], x[:, t], out[:, t - 1])
    return out
