"""Remainder with the sign of the divisor."""

from __future__ import annotations

from asiarch.ir.primitive import Primitive

PRIMITIVE = Primitive(
    name="mod",
    doc="Remainder with the sign of the divisor.",
    kind="pointwise",
    build=None,
    evaluate=lambda domain, node, *values: domain.pointwise(node, *values),
    float64=lambda np, x, y: np.mod(x, y),
    ring=lambda R, x, y: R.tag("mod", R.add(R.tag("mod", x), y)),
    # the quotient is a whole number that does not move: (x % y - x) / y is minus that number
    derivative=(
        lambda A, x, y, out: A.number(1),
        lambda A, x, y, out: A.div(A.sub(out, x), y),
    ),
    image=lambda V, x, y: V.mod(x, y),
    spelling={"torch": "torch.remainder({0}, {1})", "jax": "jnp.mod({0}, {1})"},
    signature="x % y",
    symbol="%",
)
