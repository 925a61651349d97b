"""`softmax[C](x)`: exp(x - max) over its sum along C."""

from __future__ import annotations

from typing import Any

from asiarch.ir.node import Node, make
from asiarch.ir.primitive import Primitive, Problem, Site
from asiarch.ir.primitives.whole import whole
from asiarch.ir.rules import one_value, want_axes


def _build(site: Site) -> Node:
    value, axes = one_value(site, "softmax"), site.axis_slots()
    if not axes:
        raise Problem("E0209", "`softmax` wants the axes that sum to 1: `softmax[M](x)`")
    if "time" in axes:
        return whole(value, "softmax", axes)
    want_axes(value, axes, "`softmax`")
    return make("softmax", (value,), value.type, over=axes)


def _float64(np: Any, x: Any, dims: tuple[int, ...]) -> Any:
    weights = np.exp(x - np.max(x, axis=dims, keepdims=True))
    return weights / np.sum(weights, axis=dims, keepdims=True)


def _tangent(A: Any, out: Any, tangent: Any, dims: tuple[int, ...]) -> Any:
    """d softmax = out * (dx - sum(out * dx))."""
    return A.mul(out, A.sub(tangent, A.sum_keep(A.mul(out, tangent), dims)))


PRIMITIVE = Primitive(
    name="softmax",
    doc="Positive weights that sum to 1 along the named axes.",
    kind="keep",
    build=_build,
    evaluate=lambda domain, node, x: domain.keep(node, x),
    float64=_float64,
    ring=lambda R, x, dims: R.softmax(x, dims),
    derivative=(_tangent,),
    image=lambda V, x: V.closed(0, 1),
    flops=4,
    spelling={"torch": "torch.softmax({0}, dim={dim})", "jax": "jax.nn.softmax({0}, axis={dim})"},
    signature="softmax[C](x)",
)
