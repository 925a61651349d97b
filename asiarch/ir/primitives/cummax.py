"""`cummax[time](x)`: the running max over the tokens so far."""

from __future__ import annotations

from asiarch.ir.primitive import Primitive
from asiarch.ir.primitives.cumulative import build_running

PRIMITIVE = Primitive(
    name="cummax",
    doc="Running max over the tokens so far.",
    kind="form",
    build=build_running("max", "cummax"),
    signature="cummax[time](x)",
    form=True,
)
