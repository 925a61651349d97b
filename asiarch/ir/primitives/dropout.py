"""`dropout[p](x)`: in training, entries are zeroed with probability p and the rest scaled by 1 / (1
- p).
"""

from __future__ import annotations

from asiarch.ir.node import Node, make
from asiarch.ir.primitive import Primitive, Problem, Site
from asiarch.ir.rules import one_value


def _build(site: Site) -> Node:
    value = one_value(site, "dropout")
    rate = site.size_slot(0, "p")
    known = rate.constant
    if known is not None and not 0 <= known < 1:
        raise Problem("E0504", f"the probability of `dropout` must be in [0, 1), got {known}")
    return make("dropout", (value,), value.type, rate=rate)


PRIMITIVE = Primitive(
    name="dropout",
    doc="Random zeros in training, the identity in evaluation.",
    kind="pointwise",
    build=_build,
    evaluate=lambda domain, node, x: domain.pointwise(node, x),
    float64=lambda np, x: x,
    ring=lambda R, x: x,
    derivative=(lambda A, x, out: A.number(1),),
    image=lambda V, x: V.running(V.join(x, V.point(0))),
    spelling={"torch": "F.dropout({0}, {rate}, self.training)", "jax": "{0}"},
    signature="dropout[p](x)",
)
