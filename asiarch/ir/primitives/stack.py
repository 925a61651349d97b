"""`stack[P](a, b, c)`: values of equal axes along a new axis P, put in front."""

from __future__ import annotations

from typing import Any

from asiarch.ir.node import Node, make
from asiarch.ir.primitive import Primitive, Problem, Site
from asiarch.ir.rules import no_tokens, order, show
from asiarch.ir.size import Size
from asiarch.ir.types import Type, join_mode


def _build(site: Site) -> Node:
    axes = site.axis_slots()
    if len(axes) != 1 or not site.args:
        raise Problem("E0209", "`stack` wants one new axis and values: `stack[P](a, b)`")
    no_tokens(site.args, "`stack`")
    first = site.args[0].type.axes
    for index, arg in enumerate(site.args):
        if set(arg.type.axes) != set(first):
            raise Problem(
                "E0203",
                f"`stack` wants equal axes, got {show(first)} and {show(arg.type.axes)}",
                argument=index,
            )
    if axes[0] in first:
        raise Problem("E0206", f"the values already have axis {axes[0]}")
    site.define_axis(axes[0], Size.of(len(site.args)))
    parts = [order(a, first) for a in site.args]
    kind = Type(join_mode(*(p.type for p in parts)), (axes[0], *first))
    return make("stack", parts, kind, axis=axes[0])


def _move(np: Any, ctx: Any, node: Node, *xs: Any) -> Any:
    rank = len(node.type.axes) - 1
    lead = np.broadcast_shapes(*(x.shape[: x.ndim - rank] for x in xs))
    full = [np.broadcast_to(x, (*lead, *x.shape[x.ndim - rank :])) for x in xs]
    return np.stack(full, axis=len(lead))


PRIMITIVE = Primitive(
    name="stack",
    doc="Values of equal axes along a new axis.",
    kind="move",
    build=_build,
    evaluate=lambda domain, node, *xs: domain.move(node, *xs),
    float64=_move,
    flops=0,
    signature="stack[P](a, b, ...)",
)
