"""`select(c, x, y)`: x where c holds, else y."""

from __future__ import annotations

from asiarch.ir.node import Node, make
from asiarch.ir.primitive import Primitive, Problem, Site
from asiarch.ir.rules import no_tokens, show, spread_type
from asiarch.ir.types import Type


def _build(site: Site) -> Node:
    if len(site.args) != 3:
        raise Problem("E0208", f"`select` takes a condition and two values, got {len(site.args)}")
    no_tokens(site.args, "`select`")
    condition, x, y = site.args
    branches = spread_type((x, y), "`select`")
    if not set(condition.type.axes) <= set(branches.axes):
        raise Problem(
            "E0203",
            f"the condition of `select` has {show(condition.type.axes)}, its values "
            f"{show(branches.axes)}",
            argument=0,
        )
    mode = "seq" if condition.type.stream or branches.stream else "tensor"
    positional = branches.positional and condition.type.positional
    kind = Type(mode, branches.axes, open=branches.open, positional=positional)
    return make("select", (condition, x, y), kind)


PRIMITIVE = Primitive(
    name="select",
    doc="x where the condition holds, else y.",
    kind="pointwise",
    build=_build,
    evaluate=lambda domain, node, *values: domain.pointwise(node, *values),
    float64=lambda np, c, x, y: np.where(c != 0, x, y),
    ring=lambda R, c, x, y: R.where(c, x, y),
    derivative=(
        lambda A, c, x, y, out: A.number(0),
        lambda A, c, x, y, out: c,
        lambda A, c, x, y, out: A.sub(A.number(1), c),
    ),
    image=lambda V, c, x, y: V.plain(V.join(x, y)),
    spelling={"torch": "torch.where({0}, {1}, {2})", "jax": "jnp.where({0}, {1}, {2})"},
    signature="select(c, x, y)",
)
