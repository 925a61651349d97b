"""The error function."""

from __future__ import annotations

import math

from asiarch.ir.primitive import Primitive
from asiarch.ir.rules import build_pointwise

PRIMITIVE = Primitive(
    name="erf",
    doc="The error function.",
    kind="pointwise",
    build=build_pointwise("erf", 1),
    evaluate=lambda domain, node, *values: domain.pointwise(node, *values),
    float64=lambda np, x: np.vectorize(math.erf, otypes=[np.asarray(x).dtype])(x),
    ring=lambda R, x: R.erf(x),
    derivative=(
        lambda A, x, out: A.mul(
            A.number(2 / math.sqrt(math.pi)), A.call("exp", A.sub(A.number(0), A.mul(x, x)))
        ),
    ),
    image=lambda V, x: V.closed(-1, 1),
    spelling={"torch": "torch.erf({0})", "jax": "jax.scipy.special.erf({0})"},
    signature="erf(x)",
    symbol="",
)
