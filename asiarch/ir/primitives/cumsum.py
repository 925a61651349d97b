"""`cumsum[A](x)` along an axis; `cumsum[time](x)` over the tokens so far."""

from __future__ import annotations

from typing import Any

from asiarch.ir.node import Node, make
from asiarch.ir.primitive import Primitive, Problem, Site
from asiarch.ir.primitives.cumulative import cumulative
from asiarch.ir.rules import one_value, want_axes


def _build(site: Site) -> Node:
    value, axes = one_value(site, "cumsum"), site.axis_slots()
    if axes == ("time",):
        return cumulative(value, "sum")
    if len(axes) != 1:
        raise Problem("E0209", "`cumsum` runs along one axis: `cumsum[time](x)` or `cumsum[A](x)`")
    want_axes(value, axes, "`cumsum`")
    return make("cumsum", (value,), value.type, over=axes)


def _tangent(A: Any, out: Any, tangent: Any, dims: tuple[int, ...]) -> Any:
    return A.cumsum(tangent, dims[0])


PRIMITIVE = Primitive(
    name="cumsum",
    doc="Running sum along an axis, or over time.",
    kind="keep",
    build=_build,
    evaluate=lambda domain, node, x: domain.keep(node, x),
    float64=lambda np, x, dims: np.cumsum(x, axis=dims[0]),
    ring=lambda R, x, dims: R.cumsum(x, dims[0]),
    derivative=(_tangent,),
    image=lambda V, x: V.running(x),
    spelling={"torch": "{0}.cumsum({dim})", "jax": "{0}.cumsum({dim})"},
    signature="cumsum[A](x), cumsum[time](x)",
)
