"""`E[vocab = s]`: the row of a table that a token id names."""

from __future__ import annotations

from asiarch.ir.node import Node, make
from asiarch.ir.primitive import Primitive, Problem
from asiarch.ir.rules import show
from asiarch.ir.types import Type


def gather(table: Node, axis: str, ids: Node) -> Node:
    if ids.type.mode != "token":
        raise Problem(
            "E0212", f"`[{axis} = ...]` picks by a stream of tokens or by a static number"
        )
    if table.type.stream:
        raise Problem("E0212", "rows are picked from a Tensor, not from a stream")
    if axis not in table.type.axes:
        raise Problem("E0206", f"the table has {show(table.type.axes)}, no axis {axis}")
    kept = tuple(a for a in table.type.axes if a != axis)
    return make("gather", (table, ids), Type("seq", kept), axis=axis)


PRIMITIVE = Primitive(
    name="gather",
    doc="The row of a table that a token id names.",
    kind="gather",
    evaluate=lambda domain, node, table, ids: domain.gather(node, table, ids),
    flops=0,
    signature="E[vocab = s]",
    symbol="E[vocab = s]",
)
