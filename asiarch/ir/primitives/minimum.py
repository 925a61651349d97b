"""The smaller of two."""

from __future__ import annotations

from asiarch.ir.primitive import Primitive

PRIMITIVE = Primitive(
    name="minimum",
    doc="The smaller of two.",
    kind="pointwise",
    build=None,
    evaluate=lambda domain, node, *values: domain.pointwise(node, *values),
    float64=lambda np, x, y: np.minimum(x, y),
    ring=lambda R, x, y: R.minimum(x, y),
    derivative=(
        lambda A, x, y, out: A.less(x, y),
        lambda A, x, y, out: A.sub(A.number(1), A.less(x, y)),
    ),
    image=lambda V, x, y: V.minimum(x, y),
    spelling={"torch": "torch.minimum({0}, {1})", "jax": "jnp.minimum({0}, {1})"},
    signature="min(x, y)",
    symbol="min",
)
