"""The rules of expressions: pointwise forms, products, norms, structure. See also `time_rules`."""

from __future__ import annotations

from asiarch.fuzz.draw import Draw, rule
from asiarch.fuzz.term import (
    Term,
    at,
    call,
    contracted,
    expanded,
    mapped,
    number,
    product,
    reduced,
    same,
    total,
)

Axes = tuple[str, ...]

SMOOTH = ("tanh", "sigmoid", "silu", "softplus", "sin", "cos", "gelu", "erf", "logsigmoid", "swish")
KINKED = ("relu", "abs", "relu2", "elu1", "square", "step", "sign", "floor")
NUMBERS = ("0.5", "2", "1", "-0.25", "0.9", "1 / 3")


def _any(d: Draw, axes: Axes) -> bool:
    return bool(axes)


@rule("name", 1.5)
def _name(d: Draw, axes: Axes, depth: int) -> Term:
    return d.leaf(axes)


@rule("pointwise", 2.0)
def _pointwise(d: Draw, axes: Axes, depth: int) -> Term:
    x = d.expr(axes, depth)
    name = d.some(SMOOTH if d.chance(0.6) else KINKED)
    if d.chance(0.15):
        return same(x, f"{x.tight} |> {name}", atom=False)
    return same(x, f"{name}({x.text})")


@rule("guarded", 1.2)
def _guarded(d: Draw, axes: Axes, depth: int) -> Term:
    """Functions whose argument must lie somewhere."""
    x = d.expr(axes, depth)
    form = d.some(
        [
            "exp(min({}, 1))", "exp(-softplus({}))", "log(1 + abs({}))", "sqrt(abs({}) + 0.5)",
            "clamp({}, -1, 2)", "exp(-abs({}))", "dropout[0.1]({})", "sin(anneal(2, 1, 10) * {})",
            "square(min({}, 0.5))", "logsigmoid({}) ^ 2", "expm1(min({}, 1))",
            "sqrt(1 - sigmoid({}) * 0.5)", "sqrt(1 - exp(-1 - abs({})) ^ 2)",
            "sqrt(exp(-abs({})))", "sqrt(1 - sigmoid({}) ^ 0.5)",
        ]
    )  # fmt: skip
    return same(x, form.format(x.tight if "*" in form else x.text), atom="^" not in form)


@rule("power", 0.6)
def _power(d: Draw, axes: Axes, depth: int) -> Term:
    x = d.expr(axes, depth)
    bare = ("{} ^ 2", "-{}", "(-{}) ^ 2", "-{} ^ 2")
    form = d.some([*bare, "sigmoid{} ^ (1 / 8)", "(abs{} + 0.5) ^ 0.5", "2 ^ tanh{}"])
    inner = x.tight if form in bare else f"({x.text})"
    return same(x, form.format(inner), atom=False)


@rule("sum", 2.0)
def _sum(d: Draw, axes: Axes, depth: int) -> Term:
    a, b = d.expr(axes, depth), d.expr(axes, depth)
    return total(a, b, d.some(["+", "-"]))


@rule("shift", 1.0)
def _shift(d: Draw, axes: Axes, depth: int) -> Term:
    """A number or a small Tensor beside a stream."""
    x = d.expr(axes, depth)
    small = d.param(d.subset(axes)) if d.chance(0.4) else number(d.some(NUMBERS))
    symbol = d.some(["+", "-", "*"])
    if symbol == "*":
        return product(small, x)
    return total(small, x, symbol) if d.chance(0.5) else total(x, small, symbol)


@rule("product", 2.0)
def _product(d: Draw, axes: Axes, depth: int) -> Term:
    """A product that joins the axes of its sides."""
    left = d.subset(axes)
    right = tuple(a for a in axes if a not in left or d.chance(0.3))
    return product(d.expr(left, depth), d.expr(right, depth))


@rule("quotient", 0.7)
def _quotient(d: Draw, axes: Axes, depth: int) -> Term:
    x, y = d.expr(axes, depth), d.expr(d.subset(axes), depth)
    form = d.some(["1 + abs({})", "max(abs({}), 0.5)", "softplus({}) + 0.2"])
    return product(x, same(y, form.format(y.text), atom=False), "/")


@rule("extreme", 0.6)
def _extreme(d: Draw, axes: Axes, depth: int) -> Term:
    a = d.expr(axes, depth)
    b = d.expr(axes, depth) if d.chance(0.6) else number(d.some(NUMBERS))
    return same(total(a, b), f"{d.some(['max', 'min'])}({a.text}, {b.text})")


@rule("select", 0.8)
def _select(d: Draw, axes: Axes, depth: int) -> Term:
    x, y = d.expr(axes, depth), d.expr(axes, depth)
    condition, seq = _condition(d, axes, depth)
    result = total(x, y)
    return call(f"select({condition}, {x.text}, {y.text})", result.axes, result.seq or seq,
                result.open)  # fmt: skip


@rule("truth", 0.4)
def _truth(d: Draw, axes: Axes, depth: int) -> Term:
    """A comparison as a number."""
    a, b = d.expr(axes, depth), d.expr(axes, depth)
    symbol = d.some(["<", "<=", ">", ">=", "==", "!="])
    compared = total(a, b, symbol)
    return compared if d.chance(0.2) else product(compared, d.expr(axes, depth))


def _condition(d: Draw, axes: Axes, depth: int) -> tuple[str, bool]:
    form = d.some(["values", "positions", "both", "index"])
    if form == "positions":
        return d.some(["t % 3 == 1", "t != 4", "not t < 2", "t < 5 or t % 2 == 0"]), True
    if form == "index" and axes:
        return f"index[{d.some(axes)}]() <= 0", False
    a = d.expr(axes, depth)
    symbol = d.some(["<", "<=", ">", ">="])
    compared = f"{a.tight} {symbol} {d.some(NUMBERS)}"
    if form == "both":
        return f"{compared} {d.some(['and', 'or'])} t % 2 == 0", True
    return compared, a.seq


@rule("place", 0.4)
def _place(d: Draw, axes: Axes, depth: int) -> Term:
    """Positions: `t` is anchored, `index` counts along an axis."""
    if axes and d.chance(0.5):
        axis = d.some(axes)
        x = call(f"index[{axis}]()", (axis,), seq=False)
        rest = tuple(a for a in axes if a != axis)
        return product(x, d.expr(rest, depth)) if rest else x
    factor = d.some(["(t % 4)", "(1 / (t + 1))", "cos(t / 3)", "floor(t / 2)"])
    return product(Term(factor), d.expr(axes, depth))


# -- along axes ------------------------------------------------------------------------------------


SEVERAL = ("softmax", "l2norm", "rmsnorm", "layernorm", "center")
"""What looks along one axis or over several at once."""


@rule("along", 1.5, _any)
def _along(d: Draw, axes: Axes, depth: int) -> Term:
    """What keeps the type and looks along an axis."""
    x, axis = d.expr(axes, depth), d.some(axes)
    others = [a for a in axes if a != axis]
    name = d.some([*SEVERAL, "cumsum", "topk", "rope"])
    if name in SEVERAL and len(axes) > 1 and d.chance(0.25):
        over = d.rng.sample(axes, d.between(2, len(axes)))
        return same(x, f"{name}[{', '.join(over)}]({x.text})")
    if name == "topk":
        return same(x, f"topk[{axis}, {d.between(1, d.sizes[axis])}]({x.text})")
    if name == "rope":
        if d.sizes[axis] % 2 or axis not in d.even():
            return same(x, f"rmsnorm[{axis}]({x.text})")
        ordered = (*(a for a in x.axes if a != axis), axis)
        return call(f"rope[{axis}]({x.text})", ordered, True)
    if name in ("rmsnorm", "layernorm") and others and d.chance(0.4):
        return same(x, f"{name}[{axis}, each {d.some(others)}]({x.text})")
    return same(x, f"{name}[{axis}]({x.text})")


@rule("reduce", 1.2)
def _reduce(d: Draw, axes: Axes, depth: int) -> Term:
    axis = d.new_axis(axes)
    if axis is None:
        return d.leaf(axes)
    x = d.expr((*axes, axis), depth)
    return reduced(d.some(["sum", "mean", "max", "min"]), (axis,), x)


@rule("expand", 0.6, _any)
def _expand(d: Draw, axes: Axes, depth: int) -> Term:
    over = (d.some(axes),)
    return expanded(over, d.expr(tuple(a for a in axes if a not in over), depth))


@rule("linear", 1.5, _any)
def _linear(d: Draw, axes: Axes, depth: int) -> Term:
    outputs = d.subset(axes) or axes
    kept = tuple(a for a in axes if a not in outputs)
    inputs = d.new_axis(kept)
    if inputs is None:
        return d.leaf(axes)
    x = d.expr((*kept, inputs), depth, seq=True)
    each = (d.some(kept),) if kept and d.chance(0.4) else ()
    return mapped(x, (inputs,), outputs, each)


@rule("contract", 1.5)
def _contract(d: Draw, axes: Axes, depth: int) -> Term:
    axis = d.new_axis(axes)
    if axis is None:
        return d.leaf(axes)
    left = d.subset(axes)
    right = tuple(a for a in axes if a not in left or d.chance(0.3))
    a, b = d.expr((*left, axis), depth), d.expr((*right, axis), depth)
    if d.chance(0.5):
        a = d.bind(a)
        if a.last == axis:
            return at(a, b)
    return contracted(a, b, (axis,))


# -- structure -------------------------------------------------------------------------------------


@rule("stack", 1.0)
def _stack(d: Draw, axes: Axes, depth: int) -> Term:
    """Values along a new axis, that is then picked or reduced away."""
    count = d.between(1, 3)
    axis = f"P{count}"
    parts = [d.expr(axes, depth) for _ in range(count)]
    if not any(p.seq for p in parts):
        parts[0] = d.adapted(d.timed(parts[0]), axes)
    listed = ", ".join(p.text for p in parts)
    stacked = call(f"stack[{axis}]({listed})", (axis, *parts[0].axes), True, parts[0].open)
    if d.chance(0.4):
        bound = d.bind(stacked, "u")
        d.scope.remove(bound)
        return call(f"{bound.text}[{axis} = {d.between(0, count - 1)}]", parts[0].axes, True,
                    parts[0].open)  # fmt: skip
    keep = d.some(["", "softmax", "cumsum"])
    if keep:
        stacked = same(stacked, f"{keep}[{axis}]({stacked.text})")
    return reduced(d.some(["sum", "max", "mean", "min"]), (axis,), stacked)


@rule("split", 1.0, lambda d, axes: "D" in d.sizes and {"H", "K"} <= set(axes) | {"D"})
def _split(d: Draw, axes: Axes, depth: int) -> Term:
    rest = tuple(a for a in axes if a not in ("H", "K"))
    if {"H", "K"} <= set(axes) and "D" not in rest:
        x = d.expr((*rest, "D"), depth, seq=True)
        order = [b for a in x.axes for b in (("H", "K") if a == "D" else (a,))]
        return call(f"split[D -> H, K]({x.text})", order, x.seq)
    return d.leaf(axes)


@rule("merge", 1.0, lambda d, axes: "D" in axes and not {"H", "K"} & set(axes) and "H" in d.sizes)
def _merge(d: Draw, axes: Axes, depth: int) -> Term:
    rest = tuple(a for a in axes if a != "D")
    x = d.expr((*rest, "H", "K"), depth, seq=True)
    kept = [a for a in x.axes if a not in ("H", "K")]
    return call(f"merge[H, K -> D]({x.text})", (*kept, "D"), x.seq)


@rule("rename", 0.5, _any)
def _rename(d: Draw, axes: Axes, depth: int) -> Term:
    """An axis under a fresh name, compared with itself."""
    axis = d.some(axes)
    x = d.bind(d.expr(axes, depth, seq=True))
    fresh = f"{axis}2"
    renamed = call(f"rename[{axis} -> {fresh}]({x.text})", (), True)
    y = d.leaf((axis,))
    other = call(f"rename[{axis} -> {fresh}]({y.text})", (), True)
    rest = [a for a in x.axes if a != axis]
    inner = call(f"dot[{fresh}]({renamed.text}, {other.text})", rest, True)
    return product(inner, d.leaf((axis,)))
