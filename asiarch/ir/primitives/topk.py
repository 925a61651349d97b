"""`topk[A, n](x)`: keeps the n largest along A (ties: the earlier index), 0 elsewhere."""

from __future__ import annotations

from typing import Any

from asiarch.ir.node import Node, make
from asiarch.ir.primitive import Primitive, Problem, Site
from asiarch.ir.primitives.whole import whole
from asiarch.ir.rules import one_value, want_axes


def _build(site: Site) -> Node:
    value, axes = one_value(site, "topk"), site.axis_slots()
    count = site.size_slot(1, "n")
    if len(axes) != 1:
        raise Problem("E0209", "`topk` wants one axis and a number: `topk[E, 2](x)`")
    if "time" in axes:
        return whole(value, "topk", axes, count)
    want_axes(value, axes, "`topk`")
    return make("topk", (value,), value.type, over=axes, count=count)


def _mask(np: Any, x: Any, dim: int, count: int) -> Any:
    ranked = np.argsort(-x, axis=dim, kind="stable")
    kept = np.take(ranked, np.arange(min(count, x.shape[dim])), axis=dim)
    mask = np.zeros(x.shape, bool)
    np.put_along_axis(mask, kept, True, axis=dim)
    return mask


def _float64(np: Any, x: Any, dims: tuple[int, ...], count: int) -> Any:
    return np.where(_mask(np, x, dims[0], count), x, 0)


def _ring(R: Any, x: Any, dims: tuple[int, ...], count: int) -> Any:
    return R.np.where(_mask(R.np, R.order(x), dims[0], count), x, 0)


def _tangent(A: Any, out: Any, tangent: Any, dims: tuple[int, ...]) -> Any:
    return A.where_nonzero(out, tangent)


PRIMITIVE = Primitive(
    name="topk",
    doc="Keeps the n largest along an axis, 0 elsewhere.",
    kind="keep",
    build=_build,
    evaluate=lambda domain, node, x: domain.keep(node, x),
    float64=_float64,
    ring=_ring,
    derivative=(_tangent,),
    image=lambda V, x: V.join(x, V.point(0)),
    flops=2,
    spelling={"torch": "keep_top({0}, {count}, {dim})", "jax": "keep_top({0}, {count}, {dim})"},
    signature="topk[A, n](x)",
)
