"""Reductions over the whole sequence (`mean[time]`, `softmax[time]`, `topk[time]`, `fft[time]`):
never causal.

They exist in the reference and the analyses only; `compile` refuses them outside of a `loss`.
"""

from __future__ import annotations

from asiarch.ir.node import Node, make
from asiarch.ir.primitive import Primitive, Problem
from asiarch.ir.rules import want_axes
from asiarch.ir.size import Size
from asiarch.ir.types import Type

KEEPS_TIME = ("softmax", "topk", "fft")


def whole(value: Node, which: str, over: tuple[str, ...], count: Size | None = None) -> Node:
    """`over` holds `time` and perhaps axes; reductions give a value that is the same at every
    token.
    """
    if not value.type.stream:
        raise Problem("E0207", f"`{which}[time]` wants a stream, this is a Tensor", argument=0)
    axes = tuple(a for a in over if a != "time")
    want_axes(value, axes, f"`{which}`")
    kept = value.type.axes if which in KEEPS_TIME else tuple(
        a for a in value.type.axes if a not in axes)  # fmt: skip
    extra = {} if count is None else {"count": count}
    return make("whole", (value,), Type("seq", kept), which=which, over=axes, **extra)


PRIMITIVE = Primitive(
    name="whole",
    doc="A reduction over every token of the sequence.",
    kind="time",
    evaluate=lambda domain, node, x: domain.whole(node, x),
    signature="mean[time](x), sum[time](x), softmax[time](x), topk[time, n](x), fft[time](x)",
)
