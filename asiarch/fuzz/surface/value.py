"""A value at one token: an array over named axes, and the rules that join axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Axes = tuple[str, ...]
Thunk = Callable[[int, int], "Value"]
"""The value at token t; in an `attend` also of token j."""
NOWHERE = -1
"""A token of no document: what is computed there shows axes and sizes, its numbers mean nothing.

States are 0 there, and what is delayed is read there too, so no cycle is entered.
"""


@dataclass(frozen=True, slots=True)
class Value:
    """`data` has one dimension per axis, in order."""

    axes: Axes
    data: Any

    def along(self, axes: Axes) -> Any:
        """The array with the axes in that order; 1 entry where it lacks one."""
        mine = [a for a in axes if a in self.axes]
        if set(mine) != set(self.axes):
            raise ValueError(f"{list(self.axes)} does not lie in {list(axes)}")
        turned = np.transpose(self.data, [self.axes.index(a) for a in mine])
        sizes = iter(turned.shape)
        return turned.reshape([next(sizes) if a in self.axes else 1 for a in axes])

    def ordered(self, axes: Sequence[str]) -> Value:
        """The same value, its axes in another order. Raises ValueError for other axes."""
        if set(axes) != set(self.axes):
            raise ValueError(f"{list(self.axes)} is not {list(axes)}")
        return Value(tuple(axes), self.along(tuple(axes)))

    def renamed(self, names: dict[str, str]) -> Value:
        return Value(tuple(names.get(a, a) for a in self.axes), self.data)


def scalar(x: float) -> Value:
    return Value((), np.asarray(float(x)))


def zeros_like(x: Value) -> Value:
    return Value(x.axes, np.zeros_like(x.data))


def entrywise(rule: Callable[..., Any], values: Sequence[Value]) -> Value:
    """`+` and its kin: the axes of the value that has them all, the first of equals."""
    axes = values[0].axes
    for x in values[1:]:
        if set(x.axes) > set(axes):
            axes = x.axes
    arrays = np.broadcast_arrays(*(x.along(axes) for x in values))
    return Value(axes, np.asarray(rule(*arrays)))


def selected(c: Value, x: Value, y: Value) -> Value:
    """`select(c, x, y)`: the type is that of `x + y`."""
    either = entrywise(np.add, [x, y])
    axes = either.axes if set(c.axes) <= set(either.axes) else c.axes
    arrays = np.broadcast_arrays(*(v.along(axes) for v in (c, x, y)))
    return Value(axes, np.where(arrays[0] != 0, arrays[1], arrays[2]))


def joined(rule: Callable[..., Any], a: Value, b: Value) -> Value:
    """`*` and `/`: the axes of the side that has them all, or those of both."""
    if set(b.axes) <= set(a.axes):
        axes = a.axes
    elif set(a.axes) <= set(b.axes):
        axes = b.axes
    else:
        axes = (*a.axes, *(x for x in b.axes if x not in a.axes))
    return Value(axes, np.asarray(rule(a.along(axes), b.along(axes))))


def contracted(a: Value, b: Value, over: Sequence[str]) -> Value:
    """`dot[over](a, b)`: (a - over) and then what b has more."""
    if not set(over) <= set(a.axes) & set(b.axes):
        raise ValueError(f"{list(over)} is not in both of {list(a.axes)} and {list(b.axes)}")
    more = tuple(x for x in b.axes if x not in a.axes)
    every = (*a.axes, *more)
    product = np.asarray(a.along(every) * b.along(every))
    return reduced(np.sum, Value(every, product), over)


def reduced(rule: Callable[..., Any], x: Value, over: Sequence[str]) -> Value:
    """`sum[over](x)` and its kin."""
    dims = tuple(x.axes.index(a) for a in over)
    return Value(tuple(a for a in x.axes if a not in over), np.asarray(rule(x.data, axis=dims)))


def kept(rule: Callable[..., Any], x: Value, over: Sequence[str]) -> Value:
    """`softmax[over](x)` and its kin: the rule is told the dimensions, the type stays."""
    return Value(x.axes, np.asarray(rule(x.data, tuple(x.axes.index(a) for a in over))))


def piled(parts: Sequence[Value], axis: str) -> Value:
    """Values of equal axes along a new axis, put in front."""
    axes = parts[0].axes
    return Value((axis, *axes), np.stack([p.ordered(axes).data for p in parts]))
