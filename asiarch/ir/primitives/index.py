"""`index[A]()`: 0, 1, 2, ... along A."""

from __future__ import annotations

from asiarch.ir.node import Node, make
from asiarch.ir.primitive import Primitive, Problem, Site
from asiarch.ir.types import Type


def _build(site: Site) -> Node:
    axes = site.axis_slots()
    if len(axes) != 1 or site.args:
        raise Problem("E0209", "`index` counts along one axis: `index[H]()`")
    site.axis_size(axes[0])
    return make("index", (), Type("tensor", axes, positional=True))


PRIMITIVE = Primitive(
    name="index",
    doc="0, 1, 2, ... along an axis.",
    kind="range",
    build=_build,
    evaluate=lambda domain, node: domain.ramp(node),
    spelling={"torch": "torch.arange({size})", "jax": "jnp.arange({size})"},
    flops=0,
    signature="index[A]()",
)
