"""What every arithmetic shares: attend, and the shape work of the token loop, over a few elementary
rules.

Subclasses are final: `Float64`, `Ring` and `Dual`. Values are numpy arrays, or pairs of them
(Dual).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np

from asiarch.ir.domains.arrays import align
from asiarch.ir.node import Node
from asiarch.ir.types import Type


class Algebra(ABC):
    """Elementary rules are abstract; the rest follows."""

    # -- elementary ------------------------------------------------------------------------------

    @abstractmethod
    def constant(self, value: Any) -> Any: ...

    @abstractmethod
    def encode(self, integers: Any) -> Any: ...

    @abstractmethod
    def pointwise(self, node: Node, *values: Any) -> Any: ...

    @abstractmethod
    def contract(self, x: Any, y: Any, over: int) -> Any:
        """Sum of x * y over the last `over` dimensions; both already aligned."""
        ...

    @abstractmethod
    def reduce(self, node: Node, x: Any, dims: tuple[int, ...]) -> Any: ...

    @abstractmethod
    def keep(self, node: Node, x: Any, dims: tuple[int, ...], *extra: int) -> Any: ...

    @abstractmethod
    def cumulative(self, which: str, x: Any) -> Any: ...

    @abstractmethod
    def whole(self, which: str, x: Any, dims: tuple[int, ...], count: int | None) -> Any: ...

    @abstractmethod
    def add(self, x: Any, y: Any) -> Any: ...

    @abstractmethod
    def mul(self, x: Any, y: Any) -> Any: ...

    @abstractmethod
    def div(self, x: Any, y: Any) -> Any: ...

    @abstractmethod
    def total(self, x: Any, dim: int) -> Any: ...

    @abstractmethod
    def call(self, name: str, x: Any) -> Any:
        """A unary primitive by name."""
        ...

    @abstractmethod
    def shift(self, scores: Any, mask: Any, sink: Any | None) -> Any | None:
        """What to subtract from scores before exp (a constant); None where it does not matter."""
        ...

    # -- movement --------------------------------------------------------------------------------

    def move(self, rule: Callable[..., Any], *values: Any) -> Any:
        """Apply a rule that only moves entries."""
        return rule(*values)

    def zeros(self, shape: tuple[int, ...]) -> Any:
        return self.move(lambda a: np.zeros(shape, a.dtype), self.encode(np.zeros(1, np.int64)))

    def concatenate(self, values: list[Any]) -> Any:
        return self.move(lambda *xs: np.concatenate(xs, axis=1), *values)

    def stack(self, values: list[Any]) -> Any:
        return self.move(lambda *xs: np.stack(np.broadcast_arrays(*xs), axis=2), *values)

    def spread(self, value: Any, batch: int) -> Any:
        """A token's value with its batch axis at full length."""

        def rule(a: Any) -> Any:
            return np.broadcast_to(a, (batch, 1, *a.shape[2:])) if a.ndim >= 2 else a

        return self.move(rule, value)

    def token(self, value: Any, rank: int, t: int) -> Any:
        """The stream at one token, time kept as size 1 (a Tensor, or time of size 1, passes)."""

        def rule(a: Any) -> Any:
            lead = a.ndim - rank
            if lead < 2 or a.shape[1] == 1:
                return a
            return a[:, t : t + 1]

        return self.move(rule, value)

    def start(self, value: Any, kind: Type, axes: tuple[str, ...], shape: tuple[int, ...]) -> Any:
        """A state's initial value, spread to `[batch, 1, *axes]`."""
        return self.move(lambda a: np.broadcast_to(a, shape), align(value, kind, axes))

    # -- attend ----------------------------------------------------------------------------------

    def attend(self, domain: Any, node: Node, outputs: list[Any], rows: int, columns: int) -> Any:
        """Weights from the score where the condition holds, then the weighted sum of values."""
        body = node.attr("body")
        kinds = [o.type for o in body.outputs]
        mask = np.broadcast_to(self.plain(outputs[0]) != 0, (domain.batch, rows, columns))
        score, value = outputs[1], outputs[2]
        sink = outputs[3] if node.attr("sink") else None
        cover = mask.reshape(*mask.shape, *([1] * len(kinds[1].axes)))
        if node.attr("keep") is not None:
            worth = align(self.plain(outputs[-1]), kinds[-1], kinds[1].axes)
            count, block = node.attr("keep"), node.attr("block")
            size = None if block is None else domain.number(block)
            cover = self.chosen(worth, cover, domain.number(count), size)
        weights, kept = self._weights(node, cover, score, kinds, sink)
        out_axes = node.type.axes
        full = self.mul(
            align(weights, kinds[1], out_axes),
            align(value, kinds[2], out_axes),
        )
        out = self.total(full, 2)
        if kept is None:
            return out
        return self.div(out, align(kept, kinds[1], out_axes))

    def _weights(
        self, node: Node, cover: Any, score: Any, kinds: list[Type], sink: Any | None
    ) -> tuple[Any, Any | None]:
        """Masked weights, and the denominator of softmax. cover: [batch, rows, columns, *axes]."""
        rank = len(kinds[1].axes)
        score = self.move(
            lambda a: np.broadcast_to(a, (*cover.shape[:3], *a.shape[a.ndim - rank :])), score
        )
        which = node.attr("weight")
        if which == "stickbreaking":
            return self._broken_stick(score, cover), None
        if which != "softmax":
            return self.masked(self._pointwise_weight(which, score, cover), cover), None
        if sink is not None:
            sink = align(sink, kinds[3], kinds[1].axes)
            sink = self.move(lambda a: _as_row(a, rank), sink)
        shift = self.shift(score, cover, sink)
        if shift is not None:
            score = self.add(score, -shift)
        weights = self.masked(self.call("exp", self.masked(score, cover)), cover)
        denominator = self.total(weights, 2)
        if sink is not None:
            extra = sink if shift is None else self.add(sink, -shift[:, :, 0])
            denominator = self.add(denominator, self.call("exp", extra))
        return weights, self.nonzero(denominator, cover)

    def _pointwise_weight(self, which: str, score: Any, cover: Any) -> Any:
        match which:
            case "sigmoid":
                return self.call("sigmoid", score)
            case "relu2":
                positive = self.call("relu", score)
                return self.mul(positive, positive)
            case "none":
                return score
            case _:
                raise ValueError(f"the reference has no weight {which}")

    def _broken_stick(self, score: Any, cover: Any) -> Any:
        """sigmoid(score) of what later admissible tokens left: the product of their sigmoid(-s)."""
        opposite = self.mul(score, self.constant(-1))
        taken, kept = self.call("sigmoid", score), self.call("sigmoid", opposite)
        left = self.encode(np.ones((1, 1, *([1] * (cover.ndim - 3))), np.int64))
        parts: list[Any] = []
        for j in reversed(range(cover.shape[2])):

            def column(a: Any, j: int = j) -> Any:
                return a[:, :, j]

            here = cover[:, :, j]
            parts.append(self.masked(self.mul(self.move(column, taken), left), here))
            rest = self.encode((~here).astype(np.int64))
            left = self.mul(left, self.add(self.masked(self.move(column, kept), here), rest))
        return self.stack(parts[::-1]) if parts else self.masked(score, cover)

    def masked(self, x: Any, cover: Any) -> Any:
        return self.move(lambda a: np.where(cover, a, np.zeros((), a.dtype)), x)

    @abstractmethod
    def plain(self, x: Any) -> Any:
        """The array of a value, for decisions that carry no derivative."""
        ...

    @abstractmethod
    def nonzero(self, denominator: Any, cover: Any) -> Any:
        """The denominator with 1 where no token is admissible."""
        ...

    # -- keep ------------------------------------------------------------------------------------

    @abstractmethod
    def order(self, x: Any) -> Any:
        """Numbers that compare as the entries of a plain array do."""
        ...

    @abstractmethod
    def mean(self, x: Any, cover: Any) -> Any:
        """The mean of a plain array over its columns (axis 2) that are covered."""
        ...

    def chosen(self, worth: Any, cover: Any, count: int, block: int | None) -> Any:
        """Of the admissible columns the `count` of the largest worth, the earlier of equals; or all
        in the `count` blocks of the largest mean.
        """
        shape = np.broadcast_shapes(worth.shape, cover.shape)
        worth, cover = np.broadcast_to(worth, shape), np.broadcast_to(cover, shape)
        if block is None:
            return cover & _largest(self.order(worth), cover, count)
        place = np.arange(shape[2]) // block
        parts = [place == n for n in range(int(place[-1]) + 1 if len(place) else 0)]
        if not parts:
            return cover
        means = [self.mean(worth[:, :, p], cover[:, :, p]) for p in parts]
        some = np.stack([cover[:, :, p].any(2) for p in parts], 2)
        best = some & _largest(self.order(np.stack(means, 2)), some, count)
        return cover & best[:, :, place]


def _largest(order: Any, cover: Any, count: int) -> Any:
    """Where a covered column (axis 2) is among the `count` largest, the earlier of equals."""
    low = np.where(cover, order, np.min(order, initial=0) - 1)
    ranked = np.argsort(-low, axis=2, kind="stable")[:, :, :count]
    found = np.zeros(low.shape, bool)
    np.put_along_axis(found, ranked, True, axis=2)
    return found


def _as_row(a: Any, rank: int) -> Any:
    """A sink [axes] or [batch, rows, (1), axes] against [batch, rows, axes]."""
    lead = a.ndim - rank
    if lead == 3:
        return a[:, :, 0]
    return a
