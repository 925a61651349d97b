"""`anneal(a, b, steps)`: from a to b over so many steps of training; b in evaluation.

A straight line in the step of training, which the trainer tells the module. What is evaluated, and
so what every law and the reference see, is b.
"""

from __future__ import annotations

from dataclasses import replace

from asiarch.ir.node import Node, make
from asiarch.ir.primitive import Primitive, Problem, Site
from asiarch.ir.rules import no_tokens, spread_type, static


def _build(site: Site) -> Node:
    if len(site.args) != 3:
        raise Problem("E0208", f"`anneal` takes a, b and a number of steps, got {len(site.args)}")
    if site.axis_slots() or site.named():
        raise Problem("E0209", "`anneal` takes nothing in brackets")
    start, end, steps = site.args
    length = static(steps)
    if length is None or (length.constant is not None and length.integer is None):
        raise Problem("E0209", "the steps of `anneal` are a whole number that is known before "
                      "running", argument=2)  # fmt: skip
    if length.integer is not None and length.integer < 1:
        raise Problem("E0209", f"`anneal` takes at least one step, got {length}", argument=2)
    no_tokens((start, end), "`anneal`")
    kind = spread_type((start, end), "`anneal`")
    return make("anneal", (start, end), replace(kind, positional=False), length=length)


PRIMITIVE = Primitive(
    name="anneal",
    doc="From a to b over so many steps of training; b in evaluation.",
    kind="pointwise",
    build=_build,
    evaluate=lambda domain, node, start, end: domain.pointwise(node, start, end),
    # numpy's own, so that two numbers are not folded to one
    float64=lambda np, start, end: np.broadcast_arrays(start, end)[1],
    ring=lambda R, start, end: R.np.broadcast_arrays(start, end)[1],
    derivative=(lambda A, x, y, out: A.number(0), lambda A, x, y, out: A.number(1)),
    image=lambda V, start, end: V.join(start, end),
    flops=3,
    spelling={"torch": "annealed(self, {0}, {1}, {length})", "jax": "{1}"},
    signature="anneal(a, b, steps)",
)
