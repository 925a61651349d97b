"""Typing rules that several primitives share, and their node builders. See docs/language.md."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from types import SimpleNamespace

from asiarch.ir.node import Node, make, topological
from asiarch.ir.primitive import Primitive, Problem, Site, lookup
from asiarch.ir.size import Size, binary
from asiarch.ir.types import TENSOR, Type, join_mode


def show(axes: Sequence[str]) -> str:
    return f"[{', '.join(axes)}]"


_NUMBER = replace(TENSOR, positional=True)
_TRUTHS = frozenset({"less", "less_equal", "equal", "not_equal", "and", "or", "not"})

# -- static numbers --------------------------------------------------------------------------------


@lru_cache(maxsize=1024, typed=True)
def number(value: Size | Fraction | int | float) -> Node:
    """A number as a Tensor of no axes: exact while it can be."""
    if isinstance(value, float):
        # -0.0 and 0.0 are equal keys: there is one zero
        return make("const", (), _NUMBER, value=value + 0.0)
    size = value if isinstance(value, Size) else Size.of(Fraction(value))
    return make("size", (), _NUMBER, value=size)


def static(node: Node) -> Size | None:
    """The exact size that a node is, if it is one."""
    return node.attr("value") if node.op == "size" else None


def constant(node: Node) -> float | None:
    """The float that a node is, if it is a known number."""
    if node.op == "const":
        return node.attr("value")
    if node.op == "size":
        value = node.attr("value").constant
        return None if value is None else float(value)
    return None


def whole(node: Node) -> bool:
    """Is it a whole number by its form: a position, an index, a size, a sum or product of such?"""
    match node.op:
        case "position" | "at" | "index" | "floor":
            return node.type.positional
        case "size":
            value = node.attr("value").constant
            return value is None or value.denominator == 1
        case "add" | "sub" | "mul" | "mod" | "maximum" | "minimum" | "expand" | "order":
            return all(whole(a) for a in node.args)
        case _:
            return False


# -- pointwise -------------------------------------------------------------------------------------


def spread_type(args: Sequence[Node], what: str, code: str = "E0203") -> Type:
    """`+ - % ^ max min`, comparisons: equal axes; numbers and Tensors spread over a stream."""
    widest = max(args, key=lambda a: len(a.type.axes))
    axes = widest.type.axes
    for arg in args:
        if set(arg.type.axes) == set(axes):
            continue
        small = arg.type
        if set(small.axes) < set(axes) and (not small.stream or small.positional):
            continue
        missing = [a for a in axes if a not in small.axes]
        extra = [a for a in small.axes if a not in axes]
        hint = (
            f"sum an axis away with `@`, or write `expand{show(missing)}(...)` around the "
            f"smaller side"
            if not extra
            else "contract with `@`, or bring both sides to the same axes with `expand`, `sum` "
            "or `rename`"
        )
        raise Problem(
            code,
            f"{what} wants equal axes, got {show(widest.type.axes)} and {show(small.axes)}",
            help=hint,
        )
    types = [a.type for a in args]
    open_ = widest.type.open
    return Type(
        join_mode(*types),
        axes,
        open=open_,
        positional=all(t.positional for t in types),
    )


def join_type(left: Node, right: Node) -> Type:
    """`*` and `/` join axes: the larger side's order, or left ++ (right - left), which has no last
    axis.
    """
    a, b = left.type, right.type
    mode = join_mode(a, b)
    positional = a.positional and b.positional
    sa, sb = set(a.axes), set(b.axes)
    if sa == sb:
        open_ = a.open or b.open or a.axes[-1:] != b.axes[-1:]
        return Type(mode, a.axes, open=open_, positional=positional)
    if sb < sa:
        return Type(mode, a.axes, open=a.open, positional=positional)
    if sa < sb:
        return Type(mode, b.axes, open=b.open, positional=positional)
    axes = a.axes + tuple(x for x in b.axes if x not in sa)
    return Type(mode, axes, open=True, positional=positional)


def no_tokens(args: Sequence[Node], what: str) -> None:
    for index, arg in enumerate(args):
        if arg.type.mode == "token":
            raise Problem(
                "E0210",
                f"{what} wants numbers, but this is a stream of token ids",
                help="pick rows of a table first: `E[vocab = tokens]` or `embed[D](tokens)`",
                argument=index,
            )


def pointwise(name: str, *args: Node) -> Node:
    """Any pointwise primitive of one to three operands, typed by its family, folded when static."""
    primitive = lookup(name)
    no_tokens(args, f"`{primitive.symbol or name}`")
    folded = _fold(primitive, args)
    if folded is not None:
        return folded
    if name in ("mul", "div"):
        kind = join_type(*args)
    elif len(args) == 1:
        kind = args[0].type
    else:
        kind = spread_type(args, f"`{primitive.symbol or name}`")
    boolean = name in _TRUTHS
    return make(name, args, kind if kind.boolean is boolean else replace(kind, boolean=boolean))


# The few numpy names that folding needs, on Python floats: the front end loads no numpy.
_SCALARS = SimpleNamespace(
    exp=math.exp, log=math.log, sqrt=math.sqrt, tanh=math.tanh, sin=math.sin, cos=math.cos,
    abs=abs, absolute=abs, floor=math.floor, power=math.pow, maximum=max, minimum=min,
    log1p=math.log1p, expm1=math.expm1,
)  # fmt: skip

_STATIC_OPS = {"add": "+", "sub": "-", "mul": "*", "div": "/", "mod": "%", "pow": "^",
               "less": "<", "less_equal": "<=", "equal": "==", "not_equal": "!=",
               "maximum": "max", "minimum": "min", "and": "*", "or": "max"}  # fmt: skip


def filled(initial: Node, axes: tuple[str, ...]) -> Node:
    """An initialiser in which draws stand beside values with axes: draws have the parameter's axes.

    Without such values every draw fills the parameter by itself, and nothing is to be aligned.
    """
    nodes = topological([initial])
    if not any(n.type.axes for n in nodes):
        return initial
    new: dict[Node, Node] = {}
    for node in nodes:
        args = tuple(new[a] for a in node.args)
        if node.op == "draw":
            new[node] = make("draw", args, node.type.with_axes(axes), **dict(node.attrs))
        elif args != node.args and lookup(node.op).kind == "pointwise":
            new[node] = pointwise(node.op, *args)
        else:
            new[node] = node
    return new[initial]


def refolded(name: str, args: Sequence[Node]) -> Node | None:
    """The number that a pointwise term has become, after its operands were put in."""
    if not args or any(a.op not in ("size", "const") for a in args):
        return None
    primitive = lookup(name)
    return _fold(primitive, args) if primitive.kind == "pointwise" else None


def _fold(primitive: Primitive, args: Sequence[Node]) -> Node | None:
    sizes = [static(a) for a in args]
    if len(args) == 2 and primitive.name in _STATIC_OPS:
        left, right = sizes
        if left is not None and right is not None:
            folded = _fold_sizes(primitive.name, left, right)
            if folded is not None:
                return folded
    if primitive.name == "not" and sizes[0] is not None:
        return number(Size.of(1) - sizes[0])
    values = [constant(a) for a in args]
    if not args or any(v is None for v in values) or primitive.float64 is None:
        return None
    try:
        result = float(primitive.float64(_SCALARS, *values))
    except (ValueError, OverflowError, ZeroDivisionError, AttributeError):
        return None
    return number(result) if math.isfinite(result) else None


def _fold_sizes(name: str, left: Size, right: Size) -> Node | None:
    exponent = right.constant
    if name == "pow" and (exponent is None or exponent.denominator != 1 or abs(exponent) > 64):
        return None
    if name in ("div", "mod") and not right.terms:
        raise Problem("E0502", "division by zero")
    opaque = name in ("mod", "maximum", "minimum", "or")
    if opaque and (left.constant is None or right.constant is None):
        return make("size", (), _NUMBER, value=binary(_STATIC_OPS[name], left, right))
    return number(binary(_STATIC_OPS[name], left, right))


def build_pointwise(name: str, arity: int):
    """A `build` that types the call `name(x, ...)` of a pointwise primitive."""

    def build(site: Site) -> Node:
        if len(site.args) != arity:
            raise Problem("E0208", f"`{name}` takes {arity} values, got {len(site.args)}")
        if site.axis_slots() or site.named():
            raise Problem("E0209", f"`{name}` takes nothing in brackets")
        return pointwise(name, *site.args)

    return build


# -- contraction and axes --------------------------------------------------------------------------


def contract(left: Node, right: Node, axes: Sequence[str]) -> Node:
    """Sum of products over `axes`: (a - C) ++ (b - a - C), closed. Common axes that stay are
    aligned.
    """
    no_tokens((left, right), "a contraction")
    c = set(axes)
    out = tuple(x for x in left.type.axes if x not in c)
    out += tuple(x for x in right.type.axes if x not in left.type.axes and x not in c)
    mode = join_mode(left.type, right.type)
    positional = left.type.positional and right.type.positional
    return make("contract", (left, right), Type(mode, out, positional=positional), over=tuple(axes))


def at(left: Node, right: Node) -> Node:
    """`a @ b`: contract a's last axis, which b must have."""
    no_tokens((left, right), "`@`")
    a, b = left.type, right.type
    if not a.axes:
        raise Problem("E0205", "the left side of `@` has no axis to contract", argument=0)
    if a.open:
        raise Problem(
            "E0205",
            f"the left side of `@` is an outer product {show(a.axes)}, which has no last axis",
            help="say which axis is summed: `dot[A](x, y)`",
            argument=0,
        )
    c = a.axes[-1]
    if c not in b.axes:
        swap = (
            "swap the sides"
            if b.last is not None and b.last in a.axes
            else f"an outer product is `*`; to sum, say which axis: `dot[...](x, y)`; "
            f"{show(a.axes)} and {show(b.axes)} share "
            + (show([x for x in a.axes if x in b.axes]) if set(a.axes) & set(b.axes) else "none")
        )
        raise Problem(
            "E0204",
            f"`@` contracts the last axis of its left side, {c}, which the right side "
            f"{show(b.axes)} lacks",
            help=swap,
        )
    return contract(left, right, (c,))


def want_axes(node: Node, axes: Sequence[str], what: str) -> None:
    """Every one of `axes` must be an axis of `node`."""
    for axis in axes:
        if axis not in node.type.axes:
            raise Problem(
                "E0206",
                f"{what} names axis {axis}, but the value has {show(node.type.axes)}",
                argument=0,
            )
    if len(set(axes)) != len(axes):
        raise Problem("E0206", f"{what} names an axis twice: {show(axes)}")


def order(node: Node, axes: tuple[str, ...]) -> Node:
    """The same value with its axes in another order."""
    if node.type.axes == axes and not node.type.open:
        return node
    kind = node.type.with_axes(axes)
    return make("order", (node,), kind)


def one_value(site: Site, name: str) -> Node:
    if len(site.args) != 1:
        raise Problem("E0208", f"`{name}` takes one value, got {len(site.args)}")
    no_tokens(site.args, f"`{name}`")
    return site.args[0]
