"""`logcumsumexp[time](x)`: the running logsumexp over the tokens so far."""

from __future__ import annotations

from asiarch.ir.primitive import Primitive
from asiarch.ir.primitives.cumulative import build_running

PRIMITIVE = Primitive(
    name="logcumsumexp",
    doc="Running logsumexp over the tokens so far.",
    kind="form",
    build=build_running("logsumexp", "logcumsumexp"),
    signature="logcumsumexp[time](x)",
    form=True,
)
