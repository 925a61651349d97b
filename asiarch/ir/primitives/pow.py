"""Power: an integer exponent by products, else exp(y log x)."""

from __future__ import annotations

from asiarch.ir.primitive import Primitive

PRIMITIVE = Primitive(
    name="pow",
    doc="Power: an integer exponent by products, else exp(y log x).",
    kind="pointwise",
    evaluate=lambda domain, node, *values: domain.pointwise(node, *values),
    float64=lambda np, x, y: np.power(x, y),
    ring=lambda R, x, y: R.power(x, y),
    derivative=(
        lambda A, x, y, out: A.mul(y, A.call("pow", x, A.sub(y, A.number(1)))),
        lambda A, x, y, out: A.mul(out, A.call("log", x)),
    ),
    image=lambda V, x, y: V.power(x, y),
    spelling={"torch": "{0} ** {1}", "jax": "{0} ** {1}"},
    signature="x ^ y",
    symbol="^",
)
