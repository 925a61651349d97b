"""`split[D -> A, B](x)`: axis D as axes A, B in its place (row-major); one size may be unknown."""

from __future__ import annotations

from typing import Any

from asiarch.ir.node import Node, make
from asiarch.ir.primitive import Primitive, Problem, Site
from asiarch.ir.rules import one_value, want_axes
from asiarch.ir.size import total


def _build(site: Site) -> Node:
    value, source, parts = one_value(site, "split"), site.axis_slots(), site.arrow()
    if len(source) != 1 or not parts:
        raise Problem("E0209", "`split` names the axis and its parts: `split[D -> H, K](x)`")
    want_axes(value, source, "`split`")
    unknown = [p for p in parts if not site.has_axis(p)]
    if len(unknown) > 1:
        raise Problem("E0501", f"`split` knows the size of neither {unknown[0]} nor {unknown[1]}")
    known = total([site.axis_size(p) for p in parts if site.has_axis(p)])
    whole = site.axis_size(source[0])
    if unknown:
        site.define_axis(unknown[0], whole / known)
    else:
        site.define_axis(source[0], known)
    axes: list[str] = []
    for axis in value.type.axes:
        axes += parts if axis == source[0] else [axis]
    if len(set(axes)) != len(axes):
        raise Problem("E0206", f"the value already has one of {', '.join(parts)}", argument=0)
    return make("split", (value,), value.type.with_axes(tuple(axes)), axis=source[0], parts=parts)


def _move(np: Any, ctx: Any, node: Node, x: Any) -> Any:
    rank = len(node.args[0].type.axes)
    return x.reshape(*x.shape[: x.ndim - rank], *(ctx.size(a) for a in node.type.axes))


PRIMITIVE = Primitive(
    name="split",
    doc="One axis as several, row-major.",
    kind="move",
    build=_build,
    evaluate=lambda domain, node, x: domain.move(node, x),
    float64=_move,
    flops=0,
    signature="split[D -> A, B](x)",
)
