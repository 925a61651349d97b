"""`linear[I -> O, each E](x)`: a learnt map from axes I to axes O, its own for every index of E. No
bias.

The weight has axes E ++ I ++ O; an axis both in I and O is two axes of the weight.
"""

from __future__ import annotations

from functools import lru_cache

from asiarch.ir.node import Node, make
from asiarch.ir.primitive import Primitive, Problem, Site
from asiarch.ir.primitives.rename import rename
from asiarch.ir.rules import contract, number, one_value, pointwise, show, want_axes
from asiarch.ir.size import Size, total
from asiarch.ir.types import Type


def _axes(site: Site, value: Node) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Inputs, outputs and `each` of the call."""
    slots, arrow, each = site.axis_slots(), site.arrow(), site.each()
    if arrow is not None:
        return slots, arrow, each
    rest = [a for a in value.type.axes if a not in each]
    if len(rest) != 1:
        maps = [f"linear[{a} -> {', '.join(slots)}]" for a in rest]
        merged = f"linear[{', '.join(rest)} -> {', '.join(slots)}]"
        raise Problem(
            "E0202",
            f"`linear{show(slots)}` maps a value of one axis, this has {show(value.type.axes)}",
            help=f"to map all of them write `{merged}`; to map one, "
            + " or ".join(f"`{m}`" for m in maps),
            argument=0,
        )
    return (rest[0],), slots, each


def _initial(site: Site, ins: tuple[str, ...]) -> Node:
    """uniform(-1, 1) / sqrt(fan-in), unless `init = ...` says otherwise."""
    given = site.initialiser()
    if given is not None:
        return given
    low, bound = _bounds(total([site.axis_size(a) for a in ins]))
    return make("draw", (low, bound), Type("tensor"), which="uniform", path=site.label())


@lru_cache(maxsize=1024)
def _bounds(fan_in: Size) -> tuple[Node, Node]:
    bound = pointwise("div", number(1), pointwise("sqrt", number(fan_in)))
    return pointwise("sub", number(0), bound), bound


def _build(site: Site) -> Node:
    value = one_value(site, "linear")
    ins, outs, each = _axes(site, value)
    if not ins or not outs:
        raise Problem("E0209", "`linear` wants the axes that it makes: `linear[H, K](x)`")
    want_axes(value, ins + each, "`linear`")
    for axis in outs:
        site.axis_size(axis)
        if axis in value.type.axes and axis not in ins:
            kept = [a for a in outs if a not in value.type.axes or a in ins]
            raise Problem(
                "E0206",
                f"the value already has axis {axis}",
                help=f"what is not mapped stays: `linear[{', '.join(ins)} -> {', '.join(kept)}]` "
                f"maps it for every index of {axis}" if kept else None,
                argument=0,
            )  # fmt: skip
    inner: dict[str, str] = {}
    for axis in ins:
        if axis in outs:
            inner[axis] = site.fresh_axis(axis, site.axis_size(axis))
            value = rename(value, axis, inner[axis])
    summed = tuple(inner.get(a, a) for a in ins)
    weight = site.param(each + summed + outs, _initial(site, ins))
    mapped = contract(value, weight, summed)
    axes = tuple(a for a in value.type.axes if a not in summed) + outs
    return (
        mapped
        if mapped.type.axes == axes
        else make("order", (mapped,), mapped.type.with_axes(axes))
    )


PRIMITIVE = Primitive(
    name="linear",
    doc="A learnt linear map between axes, without bias.",
    kind="form",
    build=_build,
    signature="linear[I -> O, each E, init = ...](x), linear[O](x)",
    form=True,
)
