"""`fft[time](x)`: the real part of the Fourier transform over the whole sequence. Never causal."""

from __future__ import annotations

from asiarch.ir.node import Node
from asiarch.ir.primitive import Primitive, Problem, Site
from asiarch.ir.primitives.whole import whole
from asiarch.ir.rules import one_value


def _build(site: Site) -> Node:
    if site.axis_slots() != ("time",):
        raise Problem("E0209", "`fft` runs over time: `fft[time](x)`")
    return whole(one_value(site, "fft"), "fft", ("time",))


PRIMITIVE = Primitive(
    name="fft",
    doc="Real part of the Fourier transform over the whole sequence.",
    kind="form",
    build=_build,
    signature="fft[time](x)",
    form=True,
)
