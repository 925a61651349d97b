"""A function that is several of itself at once: every parameter, stream and state has a first axis
more.

What the compiler makes of the result is one module whose products are batched; no backend knows of
it. Replicas share positions, numbers and conditions, and nothing else. A token stream takes the
axis too: every replica reads its own ids, from its own table.

A convolution keeps its taps first, as its kernel wants them: there the axis comes second.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from asiarch.ir import rules
from asiarch.ir.function import Function, ParamInfo, StateInfo
from asiarch.ir.node import Node, make, rebuild, topological
from asiarch.ir.primitive import lookup
from asiarch.ir.size import Size
from asiarch.ir.types import Type

AXIS = "replica"


class Unreplicable(ValueError):
    """A function in which replicas would not be independent; says why."""


def replicated(function: Function, count: int, axis: str = AXIS) -> Function:
    """`count` independent copies. Raises `Unreplicable`.

    Parameters keep their paths; their axes say where the new one stands.
    """
    return _Replicas(axis, Size.of(count)).function(function)


@dataclass(slots=True)
class _Replicas:
    axis: str
    count: Size
    made: dict[int, tuple[Function, Function]] = field(
        default_factory=dict[int, tuple[Function, Function]]
    )

    def function(self, old: Function) -> Function:
        """Every input and every output has the axis."""
        known = self.made.get(id(old))
        if known is None:
            known = self.made[id(old)] = (old, _One(self, old).run())
        return known[1]

    def has(self, node: Node) -> bool:
        return self.axis in node.type.axes

    def kind(self, old: Type) -> Type:
        return old.with_axes((self.axis, *old.axes), open=old.open)


def is_convolution(function: Function) -> bool:
    """Is it a sum over a window, weighted by a parameter whose first axis is the window's?"""
    result = function.outputs[0]
    if result.op != "sum" or result.args[0].op != "mul":
        return False
    taps, past = result.args[0].args
    return (taps.op, past.op) == ("param", "window") and past.args == function.inputs


class _One:
    """One function's copy."""

    def __init__(self, whole: _Replicas, old: Function) -> None:
        self.whole, self.old = whole, old
        self.convolution = is_convolution(old)
        self.new: dict[Node, Node] = {}
        self.holders: set[Node] = set()  # calls and loops whose results have the axis

    def run(self) -> Function:
        old, axis = self.old, self.whole.axis
        if axis in old.axes:
            raise Unreplicable(f"`{old.name}` has an axis `{axis}` of its own")
        if old.losses:
            raise Unreplicable(f"`{old.name}` has loss terms, which are means over everything")
        params = tuple(self._param(p) for p in old.params)
        for leaf in (*old.inputs, *(s.leaf for s in old.states)):
            self.new[leaf] = self._leaf(leaf)
        outputs = old.outputs if old.kind == "attend" else ()
        for node in topological([*old.inputs, *old.roots()]):
            if node not in self.new:
                self.new[node] = self._copied(node)
        made = replace(
            old.over(self.new),
            inputs=tuple(self.new[n] for n in old.inputs),
            params=params,
            axes={axis: self.whole.count, **old.axes},
        )
        if outputs:
            return replace(made, outputs=tuple(self._attended(n) for n in outputs))
        return replace(
            made,
            outputs=tuple(self._full(self.new[n]) for n in old.outputs),
            states=tuple(self._state(s) for s in old.states),
        )

    # -- leaves ----------------------------------------------------------------------------------

    def _leaf(self, old: Node) -> Node:
        return make(old.op, (), self.whole.kind(old.type), **dict(old.attrs))

    def _param(self, old: ParamInfo) -> ParamInfo:
        place = 1 if self.convolution else 0
        axes = (*old.axes[:place], self.whole.axis, *old.axes[place:])
        leaf = make("param", (), old.leaf.type.with_axes(axes), **dict(old.leaf.attrs))
        self.new[old.leaf] = leaf
        return ParamInfo(leaf, old.path, axes, rules.filled(_undrawn(old.initial), axes))

    def _state(self, old: StateInfo) -> StateInfo:
        update = self._full(self.new[old.update])
        return StateInfo(old.name, self.new[old.leaf], self.new[old.initial], update)

    # -- nodes -----------------------------------------------------------------------------------

    def _copied(self, old: Node) -> Node:
        args = tuple(self.new[a] for a in old.args)
        if old.op == "result":
            kind = self.whole.kind(old.type) if args[0] in self.holders else old.type
            return make("result", args, kind, **dict(old.attrs))
        if not any(map(self.whole.has, args)) and not _owns_weights(old):
            return rebuild(old, args)
        match old.op:
            case "dropout" | "draw" | "anneal" | "whole":
                raise Unreplicable(f"`{old.op}` in `{self.old.name}` is not one per replica")
            case "call":
                return self._call(old, args)
            case "loop":
                return self._loop(old, args)
            case "attend":
                return self._attend(old, args)
            case "branch":
                raise Unreplicable(f"`{self.old.name}` has a branch that is not decided")
            case _:
                return self._plain(old, args)

    def _plain(self, old: Node, args: tuple[Node, ...]) -> Node:
        axis, attrs = self.whole.axis, dict(old.attrs)
        if lookup(old.op).kind == "contract" and not self.whole.has(args[0]):
            args = (self._full(args[0]), args[1])
        if old.op in ("stack", "window", "expand"):
            if old.op == "stack":
                args = tuple(map(self._full, args))
            return self._with_a_new_axis(old, args)
        kind = old.type.with_axes((axis, *old.type.axes), open=old.type.open)
        if self.convolution:
            rest = tuple(a for a in args[-1].type.axes if a not in attrs.get("over", ()))
            kind = old.type.with_axes(rest, open=old.type.open)
        return make(old.op, args, kind, **attrs)

    def _with_a_new_axis(self, old: Node, args: tuple[Node, ...]) -> Node:
        """The new axis comes first by the node's rule; the replicas' is put before it."""
        fresh = old.type.axes[: len(old.type.axes) - len(old.args[0].type.axes)]
        natural = (*fresh, *args[0].type.axes)
        node = make(
            old.op, args, old.type.with_axes(natural, open=old.type.open), **dict(old.attrs)
        )
        if self.convolution:
            return node
        return make("order", (node,), self.whole.kind(old.type))

    def _full(self, node: Node) -> Node:
        """The node with the axis, spread over it where all replicas have the same."""
        if self.whole.has(node):
            return node
        if node.type.mode == "token":
            raise Unreplicable("a token stream that is no input")
        return make("expand", (node,), self.whole.kind(node.type), new=(self.whole.axis,))

    # -- what holds functions --------------------------------------------------------------------

    def _call(self, old: Node, args: Iterable[Node]) -> Node:
        attrs = dict(old.attrs)
        attrs["function"] = self.whole.function(attrs["function"])
        attrs["results"] = tuple(self.whole.kind(k) for k in attrs["results"])
        return self._holder(make("call", map(self._full, args), old.type, **attrs))

    def _loop(self, old: Node, args: Iterable[Node]) -> Node:
        attrs = dict(old.attrs)
        attrs["bodies"] = tuple(self.whole.function(f) for f in attrs["bodies"])
        return self._holder(make("loop", map(self._full, args), old.type, **attrs))

    def _holder(self, node: Node) -> Node:
        self.holders.add(node)
        return node

    def _attend(self, old: Node, args: Iterable[Node]) -> Node:
        attrs = dict(old.attrs)
        attrs["body"] = body = self.whole.function(attrs["body"])
        score, value = body.outputs[1:3]
        axes = tuple(a for a in score.type.axes if a not in value.type.axes) + value.type.axes
        node = make("attend", map(self._full, args), old.type.with_axes(axes), **attrs)
        wanted = self.whole.kind(old.type)
        return node if axes == wanted.axes else make("order", (node,), wanted)

    def _attended(self, old: Node) -> Node:
        """What an attend's body gives: its condition is one for all replicas."""
        new = self.new[old]
        return new if old.type.boolean or old is self.old.outputs[0] else self._full(new)


def _owns_weights(node: Node) -> bool:
    held: list[Function] = [v for _, v in node.attrs if isinstance(v, Function)]
    held += node.attr("bodies", ())
    return any(_weighs(f) for f in held)


def _weighs(function: Function) -> bool:
    return bool(function.params) or any(_weighs(f) for _, f in function.children())


def _undrawn(initial: Node) -> Node:
    """Draws without the axes that `rules.filled` gave them, to be filled anew."""
    new: dict[Node, Node] = {}
    for node in topological([initial]):
        args: tuple[Any, ...] = tuple(new[a] for a in node.args)
        kind = node.type.with_axes(()) if node.op == "draw" else node.type
        new[node] = make(node.op, args, kind, **dict(node.attrs))
    return new[initial]
