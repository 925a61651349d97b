"""`share f = op[...]`: one set of weights for every call `f(x)`.

The weights belong to the function that declares the share, under its name. A call in a loop or in
an arm captures them as it captures a `param`. A definition is called with its weights as further
inputs; its states stay each call's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from asiarch.elaborate.builder import Builder
from asiarch.elaborate.scope import Shared
from asiarch.elaborate.site import CallSite
from asiarch.ir.function import Function
from asiarch.ir.lift import axes_for, has_weights, lifted, moved
from asiarch.ir.node import Node
from asiarch.ir.primitive import Problem
from asiarch.ir.primitives.rename import rename
from asiarch.ir.size import Size
from asiarch.ir.types import Type
from asiarch.language import ast


def declare(b: Builder, e: ast.Share) -> None:
    """Bind the name; what the operator makes of its brackets is known at the first call."""
    b.count_target(e.name.id)
    made = Shared(e.op, e.brackets, b, f"{e.name.id}.{e.op.id}", e.name.span)
    b.scope.names[e.name.id] = made


def find(b: Builder, name: str) -> Shared | None:
    """The share that a name is here."""
    scope = b.scope
    builder: Builder = b
    while True:
        found = scope.find(name)
        if found is not None:
            return found if isinstance(found, Shared) else None
        if builder.outer is None:
            return None
        scope, builder = builder.outer_scope or builder.outer.scope, builder.outer


def written(
    b: Builder, call: ast.Call | ast.Pipe, shared: Shared, name: str
) -> ast.Call | ast.Pipe:
    """The call as if the operator stood there."""
    if call.brackets is not None:
        b.fail("E0120", f"`{name}` has its brackets where it is declared", call.brackets.span,
               help=f"write `{name}(x)`")  # fmt: skip
    operator = replace(shared.operator, span=call.name.span)
    return replace(call, name=operator, brackets=shared.brackets)


class SharedSite(CallSite):
    """The call of a primitive whose weights are the share's."""

    def __init__(
        self, b: Builder, call: ast.Call | ast.Pipe, args: Sequence[Node], shared: Shared
    ) -> None:
        super().__init__(b, call, args)
        self.shared = shared

    def label(self) -> str:
        return self.shared.path

    def param(self, axes: tuple[str, ...], initial: Node) -> Node:
        if self.b.kind == "attend":
            return super().param(axes, initial)
        return _weight(self.b, self.shared, self.shared.path, axes, initial)


def with_weights(
    b: Builder,
    shared: Shared,
    function: Function,
    args: Sequence[Node],
    results: Sequence[Type],
    sizes: dict[str, Size],
) -> tuple[Function, list[Node]]:
    """A definition that takes its weights, and the share's weights to give it."""
    if not has_weights(function):
        return function, list(args)
    made, params = lifted(function)
    names = axes_for(made, args, results, b.axes, sizes)
    extra: list[Node] = []
    for param in params:
        info = moved(param, names, shared.path, sizes)
        extra.append(_weight(b, shared, info.path, info.axes, info.initial))
    return made, [*args, *extra]


def _weight(b: Builder, shared: Shared, path: str, axes: tuple[str, ...], initial: Node) -> Node:
    """The share's parameter at a path, over the axes that this call wants."""
    owner = shared.owner
    if path not in shared.weights:
        shared.weights[path] = owner.param(path, axes, initial)
    leaf = shared.weights[path]
    have = leaf.type.axes
    if len(have) != len(axes) or not all(
        _equal(b, mine, theirs) for mine, theirs in zip(have, axes, strict=True)
    ):
        raise Problem(
            "E0120",
            f"the weights `{path}` are [{', '.join(have)}] by their first call, here they would be "
            f"[{', '.join(axes)}]",
            help="values of other sizes want weights of their own: declare a second share",
        )
    node = _captured(b, owner, leaf, path)
    for step in ("'", ""):  # by way of private names, so that two axes may change places
        for mine, theirs in zip(have, axes, strict=True):
            if mine != theirs:
                old, new = (mine, f"{theirs}~") if step else (f"{theirs}~", theirs)
                b.axes.setdefault(new, b.axes[theirs])
                node = rename(node, old, new)
    return node


def _equal(b: Builder, left: str, right: str) -> bool:
    difference = b.resolved(b.axes[left]) - b.resolved(b.axes[right])
    return left == right or difference.constant == 0


def _captured(b: Builder, owner: Builder, leaf: Node, path: str) -> Node:
    """The parameter as a function inside of its owner sees it."""
    if b is owner:
        return leaf
    assert b.outer is not None
    return b.capture(_captured(b.outer, owner, leaf, path), path)
