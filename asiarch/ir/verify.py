"""Is a function well formed? The rules that the rest of the compiler relies on, node by node.

The elaborator and the passes build functions by typed constructors; this is the check that they
did. It knows families of primitives (see `Primitive.kind`), so a new one of a family is covered.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from asiarch.ir.function import Function, ParamInfo, StateInfo
from asiarch.ir.node import Node, make, topological
from asiarch.ir.primitive import registry
from asiarch.ir.text import held_functions
from asiarch.ir.verify_nodes import check, shown


def verify(function: Function) -> list[str]:
    """What is wrong with a function and the functions in it, a line each; empty if it is valid."""
    sys.setrecursionlimit(max(sys.getrecursionlimit(), 12_000))
    found: list[str] = []
    seen: set[int] = set()
    stack = [function]
    while stack:
        one = stack.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        nodes = _reachable(one)
        found += [f"{one.name}: {text}" for text in _one(one, nodes)]
        stack += [f for node in nodes for f in held_functions(node)]
    return found


def _reachable(function: Function) -> list[Node]:
    leaves = [*(p.leaf for p in function.params), *(s.leaf for s in function.states)]
    initial = [p.initial for p in function.params]
    return topological([*function.inputs, *leaves, *initial, *function.roots()])


def _one(function: Function, nodes: Sequence[Node]) -> Iterator[str]:
    yield from _interface(function)
    for param in function.params:
        yield from _param(param)
    for state in function.states:
        yield from _state(state)
    yield from _draws(function)
    declared = {
        *function.inputs,
        *(p.leaf for p in function.params),
        *(s.leaf for s in function.states),
    }
    for node in nodes:
        yield from _leaf(function, node, declared) if node.is_leaf else _node(function, node)
        yield from _axes(function, node)


def _interface(function: Function) -> Iterator[str]:
    if len(function.input_names) != len(function.inputs):
        yield f"{len(function.inputs)} inputs have {len(function.input_names)} names"
    for what, names in (
        ("parameter", [p.path for p in function.params]),
        ("state", [s.name for s in function.states if function.kind != "arm"]),
    ):
        for name in sorted({n for n in names if names.count(n) > 1}):
            yield f"two {what}s are called {name}"
    if len(set(function.inputs)) != len(function.inputs):
        yield "an input stands twice in the list of inputs"
    for leaf in function.inputs:
        if leaf.op not in ("input", "at"):
            yield f"`{leaf.op}` is listed as an input"


def _param(param: ParamInfo) -> Iterator[str]:
    leaf, initial = param.leaf, param.initial
    if leaf.op != "param" or leaf.attr("path") != param.path:
        yield f"parameter {param.path}: its leaf is {leaf!r}"
    if leaf.type.axes != param.axes or leaf.type.stream:
        yield f"parameter {param.path}: declared over {shown(param.axes)}, its leaf is {leaf.type}"
    if initial.type.stream or not set(initial.type.axes) <= set(param.axes):
        yield f"parameter {param.path}: its initial value is {initial.type}"


def _state(state: StateInfo) -> Iterator[str]:
    leaf = state.leaf
    if leaf.op != "state" or leaf.attr("name") != state.name or not leaf.type.stream:
        yield f"state {state.name}: its leaf is {leaf!r}"
    if state.update.type.axes != leaf.type.axes:
        yield (
            f"state {state.name}: has axes {shown(leaf.type.axes)}, "
            f"its update {shown(state.update.type.axes)}"
        )
    if state.initial.type.stream or not set(state.initial.type.axes) <= set(leaf.type.axes):
        yield f"state {state.name}: its initial value is {state.initial.type}"


def _draws(function: Function) -> Iterator[str]:
    """Random numbers belong to initial values of parameters; a definition may be used in one."""
    if function.polymorphic:
        return
    for node in topological(function.roots()):
        if node.op == "draw":
            yield f"a draw ({node.attr('path')}) outside of an initial value"


def _leaf(function: Function, node: Node, declared: set[Node]) -> Iterator[str]:
    if node.args:
        yield f"the leaf {node!r} has operands"
    match node.op:
        case "input" | "param" | "state" | "at":
            if node not in declared:
                owner = node.attr("of")
                whose = f", which belongs to {owner}" if owner != function.name else ""
                name = node.attr("name") or node.attr("path") or node.attr("which")
                yield f"{node.op} {name} is not declared{whose}"
        case "position":
            if node.attr("which") == "j" and function.kind != "attend":
                yield "the position j outside of an attend block"
        case _:
            if node.type.axes or node.type.stream:
                yield f"the number {node!r} is no Tensor of no axes"


def _node(function: Function, node: Node) -> Iterator[str]:
    if node.op not in registry():
        yield f"there is no primitive {node.op}"
        return
    if registry()[node.op].evaluate is None:
        yield f"`{node.op}` is a form of the language, not a node"
        return
    for text in check(function, node):
        yield f"{node.op}: {text}"


def _axes(function: Function, node: Node) -> Iterator[str]:
    axes = node.type.axes
    if len(set(axes)) != len(axes):
        yield f"{node.op}: an axis stands twice in {node.type}"
    for axis in axes:
        if axis not in function.axes:
            yield f"{node.op}: axis {axis} is not of this function"
    if node.op != "const" and make(node.op, node.args, node.type, **dict(node.attrs)) is not node:
        yield f"{node.op}: not the one node of its term"


__all__ = ["verify"]
