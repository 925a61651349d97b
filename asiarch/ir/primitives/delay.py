"""`x[t-k]`: the value k tokens before, 0 before the start of the document."""

from __future__ import annotations

from asiarch.ir.node import Node, make
from asiarch.ir.primitive import Primitive, Problem
from asiarch.ir.types import Type


def delay(value: Node, steps: int) -> Node:
    """`steps` > 0 looks back, < 0 ahead (only under `lookahead`, or in a `loss`)."""
    if value.type.mode == "token":
        raise Problem(
            "E0211",
            "a delay of token ids is not defined: what would stand before the first?",
            help="delay their embedding",
        )
    if not value.type.stream:
        raise Problem(
            "E0207", "a time index wants a stream; this Tensor does not change with the token"
        )
    if steps == 0:
        return value
    return make("delay", (value,), Type("seq", value.type.axes), steps=steps)


PRIMITIVE = Primitive(
    name="delay",
    doc="The value k tokens before; 0 before the document starts.",
    kind="time",
    evaluate=lambda domain, node, x: domain.delay(node, x),
    flops=0,
    signature="x[t-k]",
    symbol="x[t-k]",
)
