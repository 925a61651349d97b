"""Running reductions over the tokens so far: sum, max, logsumexp. Made by `cumsum[time]` and its
kin.
"""

from __future__ import annotations

from typing import Any

from asiarch.ir.node import Node, make
from asiarch.ir.primitive import Primitive, Problem, Site


def cumulative(value: Node, which: str) -> Node:
    """`which` is sum, max or logsumexp; the value must be a stream."""
    if not value.type.stream:
        raise Problem(
            "E0207",
            "a running sum over time wants a stream; a Tensor does not change with the token",
        )
    return make("cumulative", (value,), value.type, which=which)


def build_running(which: str, name: str) -> Any:
    """A `build` for `name[time](x)`."""

    def build(site: Site) -> Node:
        if site.axis_slots() != ("time",):
            raise Problem("E0209", f"`{name}` runs over time: `{name}[time](x)`")
        return cumulative(site.args[0], which)

    return build


PRIMITIVE = Primitive(
    name="cumulative",
    doc="Running reduction over the tokens so far.",
    kind="time",
    evaluate=lambda domain, node, x: domain.cumulative(node, x),
    spelling={"torch": "", "jax": ""},
    signature="cumsum[time](x), cummax[time](x), logcumsumexp[time](x)",
)
