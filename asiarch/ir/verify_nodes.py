"""The typing of one node over its operands, by family of primitives. Yields what is wrong."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, cast

from asiarch.ir.function import Function
from asiarch.ir.node import Node
from asiarch.ir.primitive import Primitive, registry
from asiarch.ir.size import Size, total

Rule = Callable[[Function, Node], Iterator[str]]
_ARITY = {
    "contract": 2, "reduce": 1, "keep": 1, "gather": 2, "range": 0, "time": 1,
    "result": 1, "expand": 1, "order": 1, "pick": 1, "split": 1, "merge": 1, "rename": 1,
}  # fmt: skip
_RUNNING = ("sum", "max", "logsumexp")


def check(function: Function, node: Node) -> Iterator[str]:
    """What is wrong with a node that is no leaf."""
    primitive = registry()[node.op]
    arity = _ARITY.get(node.op, _ARITY.get(primitive.kind))
    if primitive.kind == "pointwise":
        arity = _pointwise_arity(primitive)
    if arity is not None and len(node.args) != arity:
        yield f"has {len(node.args)} operands, takes {arity}"
        return
    rule = _RULES.get(node.op) or _RULES.get(primitive.kind)
    if rule is not None:
        yield from rule(function, node)


@cache
def _arity(evaluate: Callable[..., Any]) -> int:
    return len(inspect.signature(evaluate).parameters) - 1


def _pointwise_arity(primitive: Primitive) -> int | None:
    return None if primitive.float64 is None else _arity(primitive.float64)


def _same(what: str, got: object, want: object) -> Iterator[str]:
    if got != want:
        yield f"{what} {shown(got)}, should be {shown(want)}"


def shown(value: object) -> str:
    if not isinstance(value, tuple):
        return str(value)
    return f"[{', '.join(map(str, cast('tuple[object, ...]', value)))}]"


def _mode(node: Node) -> Iterator[str]:
    stream = any(a.type.stream for a in node.args)
    if node.type.stream != stream:
        yield f"is {node.type}, but {'an operand is a' if stream else 'no operand is a'} stream"


def _inside(node: Node, axes: tuple[str, ...], operand: Node) -> Iterator[str]:
    for axis in axes:
        if axis not in operand.type.axes:
            yield f"names axis {axis}, its operand is {operand.type}"


def _equal(function: Function, what: str, left: Size, right: Size) -> Iterator[str]:
    """Two sizes must agree, as far as the function's sizes decide it."""
    difference = _resolved(function, left) - _resolved(function, right)
    if difference.constant not in (None, 0):
        yield f"{what} {left}, should be {right}"


def _resolved(function: Function, size: Size) -> Size:
    for _ in range(8):
        replaced = size.substitute(function.defaults)
        if replaced == size:
            break
        size = replaced
    return size


# -- families ------------------------------------------------------------------------------------


def _pointwise(function: Function, node: Node) -> Iterator[str]:
    union = {a for arg in node.args for a in arg.type.axes}
    if set(node.type.axes) != union:
        yield f"is {node.type}, its operands have [{', '.join(sorted(union))}] together"
    yield from _mode(node)
    for arg in node.args:
        if arg.type.mode == "token":
            yield "an operand is a stream of tokens"


def _contract(function: Function, node: Node) -> Iterator[str]:
    over: tuple[str, ...] = node.attr("over", ())
    left, right = node.args
    yield from _inside(node, over, left)
    yield from _inside(node, over, right)
    kept = tuple(a for a in left.type.axes if a not in over)
    kept += tuple(a for a in right.type.axes if a not in left.type.axes and a not in over)
    yield from _same("has axes", node.type.axes, kept)
    yield from _mode(node)


def _reduce(function: Function, node: Node) -> Iterator[str]:
    over: tuple[str, ...] = node.attr("over", ())
    yield from _inside(node, over, node.args[0])
    kept = tuple(a for a in node.args[0].type.axes if a not in over)
    yield from _same("has axes", node.type.axes, kept)
    yield from _mode(node)


def _keep(function: Function, node: Node) -> Iterator[str]:
    yield from _inside(node, node.attr("over", ()), node.args[0])
    yield from _same("has axes", node.type.axes, node.args[0].type.axes)
    yield from _mode(node)


def _gather(function: Function, node: Node) -> Iterator[str]:
    table, ids = node.args
    if ids.type.mode != "token" or table.type.stream:
        yield f"picks rows of {table.type} by {ids.type}"
    axis = node.attr("axis")
    yield from _inside(node, (axis,), table)
    yield from _same("has axes", node.type.axes, tuple(a for a in table.type.axes if a != axis))


def _ramp(function: Function, node: Node) -> Iterator[str]:
    if len(node.type.axes) != 1 or node.type.stream:
        yield f"counts along one axis, is {node.type}"


# -- moves ---------------------------------------------------------------------------------------


def _order(function: Function, node: Node) -> Iterator[str]:
    old = node.args[0].type.axes
    if sorted(old) != sorted(node.type.axes):
        yield f"{shown(node.type.axes)} is no permutation of {shown(old)}"
    yield from _mode(node)


def _expand(function: Function, node: Node) -> Iterator[str]:
    yield from _same("has axes", node.type.axes, node.attr("new") + node.args[0].type.axes)
    yield from _mode(node)


def _pick(function: Function, node: Node) -> Iterator[str]:
    axis, index = node.attr("axis"), node.attr("index").integer
    old = node.args[0].type.axes
    yield from _inside(node, (axis,), node.args[0])
    yield from _same("has axes", node.type.axes, tuple(a for a in old if a != axis))
    size = function.axes[axis].integer if axis in function.axes else None
    if index is not None and (index < 0 or (size is not None and index >= size)):
        yield f"{axis} = {index} is out of range, its size is {size}"
    yield from _mode(node)


def _split(function: Function, node: Node) -> Iterator[str]:
    axis, parts = node.attr("axis"), node.attr("parts")
    want: tuple[str, ...] = ()
    for old in node.args[0].type.axes:
        want += parts if old == axis else (old,)
    yield from _inside(node, (axis,), node.args[0])
    yield from _same("has axes", node.type.axes, want)
    yield from _parts(function, axis, parts)
    yield from _mode(node)


def _merge(function: Function, node: Node) -> Iterator[str]:
    axis, parts = node.attr("axis"), node.attr("parts")
    old = node.args[0].type.axes
    yield from _same("takes its parts last, not in order", old[len(old) - len(parts) :], parts)
    yield from _same("has axes", node.type.axes, (*old[: len(old) - len(parts)], axis))
    yield from _parts(function, axis, parts)
    yield from _mode(node)


def _parts(function: Function, axis: str, parts: tuple[str, ...]) -> Iterator[str]:
    if axis in function.axes and all(p in function.axes for p in parts):
        product = total(function.shape(parts))
        yield from _equal(function, f"{axis} has size", function.axes[axis], product)


def _rename(function: Function, node: Node) -> Iterator[str]:
    old, new = node.args[0].type.axes, node.type.axes
    yield from _same("has rank", len(new), len(old))
    for a, b in zip(old, new, strict=False):
        if a in function.axes and b in function.axes:
            yield from _equal(function, f"{b} has size", function.axes[b], function.axes[a])
    yield from _mode(node)


def _stack(function: Function, node: Node) -> Iterator[str]:
    axis = node.attr("axis")
    for arg in node.args:
        yield from _same("has axes", node.type.axes, (axis, *arg.type.axes))
    if axis in function.axes:
        count = Size.of(len(node.args))
        yield from _equal(function, f"{axis} has size", function.axes[axis], count)
    yield from _mode(node)


# -- time ----------------------------------------------------------------------------------------


def _time(function: Function, node: Node) -> Iterator[str]:
    operand = node.args[0].type
    if operand.mode != "seq" or node.type.mode != "seq":
        yield f"wants a stream and gives one, is {node.type} of {operand}"
    match node.op:
        case "window":
            yield from _same("has axes", node.type.axes, (node.attr("axis"), *operand.axes))
        case "whole":
            yield from _inside(node, node.attr("over"), node.args[0])
            if not set(node.type.axes) <= set(operand.axes):
                yield f"is {node.type} of {operand}"
        case _:
            yield from _same("has axes", node.type.axes, operand.axes)
    if node.op == "delay" and not isinstance(node.attr("steps"), int):
        yield f"goes back {node.attr('steps')} tokens"
    if node.op == "cumulative" and node.attr("which") not in _RUNNING:
        yield f"there is no running {node.attr('which')}"


# -- nodes that hold functions -------------------------------------------------------------------


def _call(function: Function, node: Node) -> Iterator[str]:
    inner: Function = node.attr("function")
    if len(node.args) != len(inner.inputs):
        yield f"{inner.name} takes {len(inner.inputs)} values, got {len(node.args)}"
        return
    yield from _same("gives results", len(node.attr("results")), len(inner.outputs))
    for arg, leaf in zip(node.args, inner.inputs, strict=True):
        yield from _passes(function, inner, arg, leaf)


def _passes(function: Function, inner: Function, arg: Node, leaf: Node) -> Iterator[str]:
    """May this value be this input?"""
    name = leaf.attr("name")
    if len(arg.type.axes) != len(leaf.type.axes) or (arg.type.mode == "token") != (
        leaf.type.mode == "token"
    ):
        yield f"{name} of {inner.name} is {leaf.type}, got {arg.type}"
        return
    if arg.type.stream and not leaf.type.stream:
        yield f"{name} of {inner.name} is a Tensor, got a stream"
    for mine, theirs in zip(arg.type.axes, leaf.type.axes, strict=True):
        have, want = function.axes.get(mine), inner.axes.get(theirs)
        if have is None or want is None or have.constant is None or want.constant is None:
            continue
        yield from _same(f"{theirs} of {name} has size", have, want)


def _loop(function: Function, node: Node) -> Iterator[str]:
    bodies: tuple[Function, ...] = node.attr("bodies")
    schedule, count, carried = node.attr("schedule"), node.attr("count"), node.attr("carried")
    for body in bodies:
        yield from _captures(node, body)
        yield from _same("carries values", carried, len(body.outputs))
        for leaf, output in zip(body.inputs, body.outputs, strict=False):
            what = f"{leaf.attr('name')} comes back with axes"
            yield from _same(what, output.type.axes, leaf.type.axes)
    if schedule is not None:
        yield from _same("runs bodies", len(schedule), count.integer)
        if any(not 0 <= n < len(bodies) for n in schedule):
            yield f"runs a body that is not there: {shown(schedule)} of {len(bodies)}"
    elif len(bodies) != 1:
        yield f"has {len(bodies)} bodies and no schedule"


def _branch(function: Function, node: Node) -> Iterator[str]:
    then, otherwise = node.attr("then"), node.attr("otherwise")
    for arm in (then, otherwise):
        yield from _captures(node, arm)
    yield from _same("arms give results", len(then.outputs), len(otherwise.outputs))
    for a, b in zip(then.outputs, otherwise.outputs, strict=False):
        yield from _same("arms differ in axes:", a.type.axes, b.type.axes)
    if not isinstance(node.attr("condition"), Size):
        yield "its condition is not static"


def _captures(node: Node, body: Function) -> Iterator[str]:
    """Operands of a block are the values that its inputs stand for."""
    if len(body.inputs) > len(node.args):
        yield f"{body.name} takes {len(body.inputs)} values, got {len(node.args)}"
    for arg, leaf in zip(node.args, body.inputs, strict=False):
        yield from _same(f"{leaf.attr('name')} has axes", arg.type.axes, leaf.type.axes)


def _attend(function: Function, node: Node) -> Iterator[str]:
    body: Function = node.attr("body")
    if len(body.inputs) != len(node.args):
        yield f"its body reads {len(body.inputs)} values, it has {len(node.args)} operands"
        return
    for arg, leaf in zip(node.args, body.inputs, strict=True):
        yield from _same("a read has axes", leaf.type.axes, arg.type.axes)
        if leaf.op == "at" and (leaf.attr("which") not in ("t", "j") or not arg.type.stream):
            yield f"reads {arg.type} at {leaf.attr('which')}"
        if leaf.op == "input" and arg.type.stream:
            yield f"reads a stream, {arg.type}, at no token"
    keep = node.attr("keep") is not None
    wanted = 3 + bool(node.attr("sink")) + keep
    if len(body.outputs) != wanted:
        yield f"its body gives {len(body.outputs)} values, should give {wanted}"
        return
    condition, score, value = body.outputs[:3]
    if condition.type.axes or not condition.type.boolean or not condition.type.positional:
        yield f"its condition is {condition.type}, not a truth of positions"
    if not all(set(n.type.axes) <= set(score.type.axes) for n in body.outputs[3:]):
        yield "its sink or what it keeps by has axes that the score lacks"
    own = tuple(a for a in score.type.axes if a not in value.type.axes)
    yield from _same("has axes", node.type.axes, own + value.type.axes)


def _result(function: Function, node: Node) -> Iterator[str]:
    holder, index = node.args[0], node.attr("index")
    match holder.op:
        case "call":
            axes = [k.axes for k in holder.attr("results")]
        case "loop":
            axes = [o.type.axes for o in holder.attr("bodies")[0].outputs]
        case "branch":
            axes = [o.type.axes for o in holder.attr("then").outputs]
        case _:
            yield f"is of a {holder.op}, which has one value"
            return
    if not 0 <= index < len(axes):
        yield f"is number {index} of {len(axes)}"
        return
    yield from _same("has axes", node.type.axes, axes[index])


_RULES: dict[str, Rule] = {
    "pointwise": _pointwise, "contract": _contract, "reduce": _reduce, "keep": _keep,
    "gather": _gather, "range": _ramp, "time": _time, "order": _order, "expand": _expand,
    "pick": _pick, "split": _split, "merge": _merge, "rename": _rename, "stack": _stack,
    "call": _call, "loop": _loop, "branch": _branch, "attend": _attend, "result": _result,
}  # fmt: skip
