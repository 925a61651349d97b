"""Rules for what holds a function: calls, loops, branches, attention."""

from __future__ import annotations

from collections.abc import Mapping

from asiarch.analysis.parts import stateful
from asiarch.ir.function import Function
from asiarch.ir.lift import has_weights
from asiarch.ir.node import Node, topological
from asiarch.ir.size import Size
from asiarch.search.identity import normalise
from asiarch.search.identity.forms import Poly
from asiarch.search.identity.normalise import RULES, Found, Normaliser, Scope

UNROLLED = 64
"""Loops of more iterations stay loops."""


def register() -> None:
    """Make the rules known to `normalise`."""
    RULES.update(call=_call, result=_result, loop=_loop, branch=_branch, attend=_attend)


def _call(n: Normaliser, node: Node, scope: Scope) -> Poly:
    function: Function = node.attr("function")
    inner = _axes(n, node, function, scope)
    sizes = {name: n.size(size, scope) for name, size in node.attr("sizes")}
    made = Scope(inner, {**scope.sizes, **sizes}, f"{scope.path}{node.attr('path')}.")
    if not function.polymorphic or has_weights(function) or stateful(function):
        scope.results[node], scope.found[node] = n.inline(function, n.operands(node, scope), made)
        return {}
    key = id(function), n.kids(node, scope), (*inner.items(), *sizes.items())
    if key not in n.pure:
        n.pure[key] = function, n.inline(function, n.operands(node, scope), made)[0]
    scope.results[node] = n.pure[key][1]
    return {}


def _axes(n: Normaliser, node: Node, function: Function, scope: Scope) -> Mapping[str, str]:
    """The callee's axes in the names of the top; private ones under a name of their own."""
    inner: dict[str, str] = {}
    sizes = {name: n.size(size, scope) for name, size in node.attr("sizes")}
    for leaf, arg in zip(function.inputs, node.args, strict=False):
        inner.update(
            zip(leaf.type.axes, (scope.axes.get(a, a) for a in arg.type.axes), strict=False)
        )
    for output, kind in zip(function.outputs, node.attr("results"), strict=True):
        for mine, theirs in zip(output.type.axes, kind.axes, strict=True):
            inner.setdefault(mine, scope.axes.get(theirs, theirs))
    return _private(n, inner, function, {**scope.sizes, **sizes})


def _private(
    n: Normaliser, axes: dict[str, str], function: Function, sizes: Mapping[str, Size]
) -> dict[str, str]:
    """`axes` with those that the function makes itself, each under a name of one size."""
    taken = set(axes.values())
    for axis, size in function.axes.items():
        if axis not in axes:
            here, name = size.substitute(dict(sizes)), axis
            while name in taken or n.axes.get(name, here) != here:
                name += "'"
            axes[axis] = name
            taken.add(name)
            n.axes[name] = here
    return axes


def _result(n: Normaliser, node: Node, scope: Scope) -> Poly:
    holder = node.args[0]
    index: int = node.attr("index")
    if holder in scope.results:
        return scope.results[holder][index]
    return n.generic(node, scope)


def _loop(n: Normaliser, node: Node, scope: Scope) -> Poly:
    bodies, schedule = node.attr("bodies"), node.attr("schedule")
    count = n.size(node.attr("count"), scope).integer
    carried: int = node.attr("carried")
    values = n.operands(node, scope)
    if count is None or count > UNROLLED:
        _kept(n, node, scope)
        return {}
    every = scope.found[node] = Found()
    for turn in range(count):
        body: Function = bodies[schedule[turn] if schedule is not None else 0]
        inner = _turn(n, node, scope, f"{node.attr('path')}.{turn}.", Size.of(turn), body)
        values[:carried], found = n.inline(body, values[: len(body.inputs)], inner)
        every.take(found)
    scope.results[node] = values[:carried]
    return {}


def _kept(n: Normaliser, node: Node, scope: Scope) -> None:
    """A loop of an unknown or a large number of turns: one turn over holes, as an atom."""
    carried: int = node.attr("carried")
    values = n.operands(node, scope)
    outputs: list[int] = []
    every = scope.found[node] = Found()
    for body in node.attr("bodies"):
        holes = [
            n.forms.atom(
                "hole", attrs=(i,), axes=normalise.names(leaf, scope), stream=leaf.type.stream
            )
            for i, leaf in enumerate(body.inputs[:carried])
        ]
        inner = _turn(n, node, scope, f"{node.attr('path')}.", None, body)
        made, found = n.inline(body, [*holes, *values[carried : len(body.inputs)]], inner)
        every.take(found)
        outputs += [n.forms.number(p) for p in made]
    starts = [n.forms.number(p) for p in values[:carried]]
    count = n.size(node.attr("count"), scope)
    scope.results[node] = [
        n.forms.atom("loop", *starts, *outputs, attrs=(count, index, node.attr("schedule")),
                     axes=normalise.names(node.attr("bodies")[0].outputs[index], scope))
        for index in range(carried)
    ]  # fmt: skip


def _turn(
    n: Normaliser, node: Node, scope: Scope, path: str, turn: Size | None, body: Function
) -> Scope:
    sizes = dict(scope.sizes)
    if turn is not None:
        sizes[node.attr("variable")] = turn
    return Scope(_private(n, dict(scope.axes), body, sizes), sizes, f"{scope.path}{path}")


def _branch(n: Normaliser, node: Node, scope: Scope) -> Poly:
    condition = n.size(node.attr("condition"), scope)
    arms: list[list[Poly]] = []
    every = scope.found[node] = Found()
    known = condition.constant
    for name in ("then", "otherwise"):
        if known is not None and bool(known) != (name == "then"):
            continue
        arm: Function = node.attr(name)
        axes = _private(n, dict(scope.axes), arm, scope.sizes)
        inner = Scope(axes, scope.sizes, scope.path)
        made, found = n.inline(arm, n.operands(node, scope)[: len(arm.inputs)], inner)
        every.take(found)
        arms.append(made)
    if len(arms) == 1:
        scope.results[node] = arms[0]
        return {}
    scope.results[node] = [
        n.forms.atom("branch", n.forms.number(a), n.forms.number(b), attrs=(condition,),
                     axes=n.axes_of(a) | n.axes_of(b))
        for a, b in zip(*arms, strict=True)
    ]  # fmt: skip
    return {}


def _attend(n: Normaliser, node: Node, scope: Scope) -> Poly:
    """The body over what it reads: `x[t]` is `x`, `x[j]` is `x` moved to the other token."""
    body: Function = node.attr("body")
    axes = _private(n, dict(scope.axes), body, scope.sizes)
    inner = Scope(axes, scope.sizes, scope.path)
    for leaf, arg in zip(body.inputs, n.operands(node, scope), strict=True):
        if leaf.op == "at" and leaf.attr("which") != "t":
            inner.values[leaf] = n.forms.moved(arg, "at", (bool(leaf.attr("state")),))
        else:
            inner.values[leaf] = arg
    for made in topological(body.outputs):
        if made not in inner.values:
            inner.values[made] = n.node(made, inner)
    return n.generic(node, scope, [n.forms.number(inner.values[o]) for o in body.outputs])
