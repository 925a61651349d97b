"""Real numbers as float64: the meaning that other precisions are measured against."""

from __future__ import annotations

from typing import Any

import numpy as np

from asiarch.ir.domains.algebra import Algebra
from asiarch.ir.node import Node
from asiarch.ir.primitive import lookup


class Float64(Algebra):
    """Every rule of a primitive's `float64` field, with infinities as IEEE has them."""

    def constant(self, value: Any) -> Any:
        return np.float64(float(value))

    def encode(self, integers: Any) -> Any:
        return np.asarray(integers, np.float64)

    def plain(self, x: Any) -> Any:
        return x

    def pointwise(self, node: Node, *values: Any) -> Any:
        rule = lookup(node.op).float64
        assert rule is not None
        with np.errstate(all="ignore"):
            return rule(np, *values)

    def call(self, name: str, x: Any) -> Any:
        rule = lookup(name).float64
        assert rule is not None
        with np.errstate(all="ignore"):
            return rule(np, x)

    def compare(self, op: str, x: Any, y: Any) -> Any:
        assert op == "<"
        return np.where(x < y, 1.0, 0.0)

    def raised(self, x: Any, exponent: float) -> Any:
        with np.errstate(all="ignore"):
            return np.power(x, exponent)

    def logarithm(self, base: float) -> Any:
        return np.log(np.float64(base))

    def contract(self, x: Any, y: Any, over: int) -> Any:
        return x * y if over == 0 else _contract(x, y, over)

    def reduce(self, node: Node, x: Any, dims: tuple[int, ...]) -> Any:
        rule = lookup(node.op).float64
        assert rule is not None
        return rule(np, x, dims)

    def keep(self, node: Node, x: Any, dims: tuple[int, ...], *extra: int) -> Any:
        rule = lookup(node.op).float64
        assert rule is not None
        return rule(np, x, dims, *extra)

    def cumulative(self, which: str, x: Any) -> Any:
        match which:
            case "sum":
                return np.cumsum(x, axis=1)
            case "max":
                return np.maximum.accumulate(x, axis=1)
            case _:
                return np.logaddexp.accumulate(x, axis=1)

    def whole(self, which: str, x: Any, dims: tuple[int, ...], count: int | None) -> Any:
        if which == "fft":
            return np.fft.fft(x, axis=1).real
        if which in ("softmax", "topk"):
            rule = lookup(which).float64
            assert rule is not None
            positive = tuple(d % x.ndim for d in dims)
            return rule(np, x, positive, *([] if count is None else [count]))
        rule = {"sum": np.sum, "mean": np.mean, "max": np.max, "min": np.min}[which]
        reduced = rule(x, axis=dims, keepdims=True)
        squeezed = np.squeeze(reduced, axis=tuple(d for d in dims if d != 1))
        return np.broadcast_to(squeezed, (x.shape[0], x.shape[1], *squeezed.shape[2:]))

    def add(self, x: Any, y: Any) -> Any:
        return x + y

    def mul(self, x: Any, y: Any) -> Any:
        return x * y

    def div(self, x: Any, y: Any) -> Any:
        return x / y

    def total(self, x: Any, dim: int) -> Any:
        return np.sum(x, axis=dim)

    def shift(self, scores: Any, mask: Any, sink: Any | None) -> Any | None:
        top = np.max(np.where(mask, scores, -np.inf), axis=2, keepdims=True)
        if sink is not None:
            top = np.maximum(top, _lift(sink, top.ndim))
        return np.where(np.isfinite(top), top, 0.0)

    def nonzero(self, denominator: Any, cover: Any) -> Any:
        return np.where(~cover.any(axis=2) & (denominator == 0), 1.0, denominator)

    def order(self, x: Any) -> Any:
        return x

    def mean(self, x: Any, cover: Any) -> Any:
        return np.sum(np.where(cover, x, 0.0), axis=2) / np.maximum(cover.sum(axis=2), 1)


def _lift(sink: Any, ndim: int) -> Any:
    """A sink [axes] or [batch, rows, axes] against scores [batch, rows, columns, axes]."""
    if sink.ndim == ndim - 1:
        return sink[:, :, None]
    return sink


def _contract(x: Any, y: Any, over: int) -> Any:
    """einsum over the axes that each operand really has (size 1 stands for absent)."""
    rank = max(x.ndim, y.ndim)
    x = x.reshape((1,) * (rank - x.ndim) + x.shape)
    y = y.reshape((1,) * (rank - y.ndim) + y.shape)
    letters = "abcdefghijklmnopqrstuvwxyz"[:rank]
    left = "".join(c for c, n in zip(letters, x.shape, strict=True) if n != 1)
    right = "".join(c for c, n in zip(letters, y.shape, strict=True) if n != 1)
    kept = [c for c in letters[: rank - over] if c in left or c in right]
    flat = np.einsum(
        f"{left},{right}->{''.join(kept)}",
        x.reshape([n for n in x.shape if n != 1]),
        y.reshape([n for n in y.shape if n != 1]),
        optimize=True,
    )
    shape = [max(a, b) for a, b in zip(x.shape[: rank - over], y.shape[: rank - over], strict=True)]
    return flat.reshape(shape)
