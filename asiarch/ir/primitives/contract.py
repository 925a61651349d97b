"""`dot[C](a, b)` and `a @ b`: the sum of products over axes C; other common axes are aligned."""

from __future__ import annotations

from asiarch.ir.node import Node
from asiarch.ir.primitive import Primitive, Problem, Site
from asiarch.ir.rules import contract, show


def _build(site: Site) -> Node:
    if len(site.args) != 2:
        raise Problem("E0208", f"`dot` takes two values, got {len(site.args)}")
    axes = site.axis_slots()
    if not axes:
        raise Problem("E0209", "`dot` wants the axes that it sums: `dot[K](a, b)`")
    for index, arg in enumerate(site.args):
        for axis in axes:
            if axis not in arg.type.axes:
                raise Problem(
                    "E0206",
                    f"`dot` sums over {axis}, but the value has {show(arg.type.axes)}",
                    argument=index,
                )
    return contract(site.args[0], site.args[1], axes)


PRIMITIVE = Primitive(
    name="contract",
    doc="Sum of products over the named axes.",
    kind="contract",
    build=_build,
    evaluate=lambda domain, node, x, y: domain.contract(node, x, y),
    flops=2,
    signature="dot[C](a, b), a @ b",
    symbol="dot",
)
