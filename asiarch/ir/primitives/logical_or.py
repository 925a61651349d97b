"""Either truth."""

from __future__ import annotations

from asiarch.ir.primitive import Primitive

PRIMITIVE = Primitive(
    name="or",
    doc="Either truth.",
    kind="pointwise",
    build=None,
    evaluate=lambda domain, node, *values: domain.pointwise(node, *values),
    float64=lambda np, x, y: np.maximum(x, y),
    ring=lambda R, x, y: R.sub(R.add(x, y), R.mul(x, y)),
    derivative=(lambda A, x, y, out: A.number(0), lambda A, x, y, out: A.number(0)),
    image=lambda V, x, y: V.closed(0, 1),
    spelling={"torch": "{0} | {1}", "jax": "{0} | {1}"},
    signature="x or y",
    symbol="or",
)
