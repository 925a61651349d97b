"""Truth of x < y."""

from __future__ import annotations

from asiarch.ir.primitive import Primitive

PRIMITIVE = Primitive(
    name="less",
    doc="Truth of x < y.",
    kind="pointwise",
    build=None,
    evaluate=lambda domain, node, *values: domain.pointwise(node, *values),
    float64=lambda np, x, y: np.where(x < y, 1.0, 0.0),
    ring=lambda R, x, y: R.compare("<", x, y),
    derivative=(lambda A, x, y, out: A.number(0), lambda A, x, y, out: A.number(0)),
    image=lambda V, x, y: V.closed(0, 1),
    spelling={"torch": "{0} < {1}", "jax": "{0} < {1}"},
    signature="x < y",
    symbol="<",
)
