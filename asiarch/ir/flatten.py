"""Inline calls, loops and decided branches of a concrete function into one flat graph.

The reference runs on flat functions, and so do scheduling and the affine analysis. `keep` says
which call and loop nodes stay (a backend prints those as modules of their own). Parameters and
states take their full paths; a callee's axes take the caller's names, its private ones a fresh name
on a clash.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from asiarch.ir.function import Function, ParamInfo, StateInfo
from asiarch.ir.node import Node, make, topological
from asiarch.ir.rules import filled, refolded
from asiarch.ir.settle import reads_states, settled
from asiarch.ir.size import Size

Keep = Callable[[Node], bool]
_AXIS_ATTRS = ("over", "new", "parts")


@dataclass(slots=True)
class _Flat:
    top: Function
    keep: Keep
    axes: dict[str, Size]
    params: list[ParamInfo] = field(default_factory=list[ParamInfo])
    states: list[StateInfo] = field(default_factory=list[StateInfo])
    losses: list[Node] = field(default_factory=list[Node])
    first: dict[Node, str] = field(default_factory=dict[Node, str])
    names: dict[Node, str] = field(default_factory=dict[Node, str])
    spans: dict[Node, Any] = field(default_factory=dict[Node, Any])
    parts: list[Node] = field(default_factory=list[Node])


def flatten(function: Function, keep: Keep = lambda node: False) -> Function:
    """The flat form of a concrete function (or of a symbolic one without loops and branches)."""
    flat = _Flat(function, keep, dict(function.axes))
    args = list(function.inputs)
    outputs = _inline(flat, function, args, "", {a: a for a in function.axes})
    made = Function(
        name=function.name,
        kind=function.kind,
        inputs=function.inputs,
        outputs=tuple(outputs),
        axes=flat.axes,
        header=function.header,
        input_names=function.input_names,
        params=tuple(flat.params),
        states=tuple(flat.states),
        losses=tuple(flat.losses),
        claims=function.claims,
        defaults=function.defaults,
        names={name: node for node, name in {**flat.names, **flat.first}.items()},
        hints={**flat.first, **{n: h for n, h in flat.names.items() if n not in flat.first}},
        spans=flat.spans,
        polymorphic=function.polymorphic,
        source=function.source,
        bindings=function.bindings,
        parts=tuple(flat.parts),
    )
    return settled(made, _cycles(made)) if any(map(reads_states, made.nodes())) else made


def inlined(function: Function, keep: Keep = lambda node: False) -> int:
    """How many nodes `flatten` would make, counted without making them."""
    known: dict[int, int] = {}

    def count(f: Function) -> int:
        if id(f) in known:
            return known[id(f)]
        total = 0
        for node in f.nodes():
            total += 1
            if node.op == "call" and not keep(node):
                total += count(node.attr("function"))
            elif node.op == "loop" and not keep(node):
                bodies: tuple[Function, ...] = node.attr("bodies")
                schedule: tuple[int, ...] | None = node.attr("schedule")
                times = node.attr("count").integer or 0
                counts = [count(body) for body in bodies]
                total += sum(counts[i] for i in schedule) if schedule else times * counts[0]
        known[id(f)] = total
        return total

    return count(function)


def _param(leaf: Node, initial: Node) -> ParamInfo:
    axes = leaf.type.axes
    return ParamInfo(leaf, leaf.attr("path"), axes, filled(initial, axes))


def _join(prefix: str, path: str) -> str:
    return f"{prefix}.{path}" if prefix else path


def _inline(
    flat: _Flat,
    function: Function,
    args: Sequence[Node],
    prefix: str,
    axes: Mapping[str, str],
    cyclic: bool = False,
) -> list[Node]:
    """The outputs of `function` at these arguments, as nodes of the flat graph.

    cyclic: the whole call stands on the cycle of a state, so nothing in it stays a call.
    """
    new: dict[Node, Node] = dict(zip(function.inputs, args, strict=False))
    cycle = _cycles(function)
    results: dict[Node, list[Node]] = {}
    for param in function.params:
        leaf = make(
            "param", (), typed(param.leaf, axes), path=_join(prefix, param.path), of=flat.top.name
        )
        new[param.leaf] = leaf
    for state in function.states:
        new[state.leaf] = make(
            "state", (), typed(state.leaf, axes),
            name=_join(prefix, state.name), serial=len(flat.states), of=flat.top.name,
        )  # fmt: skip
    roots = [*function.roots(), *(p.initial for p in function.params)]
    hints = function.hints
    for node in topological(roots):
        if node in new:
            continue
        new[node] = _copy(flat, node, new, results, prefix, axes, cyclic or node in cycle)
        if node in function.spans:
            flat.spans.setdefault(new[node], function.spans[node])
    named = flat.first if function is flat.top else flat.names
    for node, name in () if function.polymorphic else hints.items():
        if node in new and not new[node].is_leaf:
            named.setdefault(new[node], name)
    for param in function.params:
        leaf = new[param.leaf]
        flat.params.append(_param(leaf, new[param.initial]))
    for state in function.states:
        leaf = new[state.leaf]
        flat.states.append(
            StateInfo(leaf.attr("name"), leaf, new[state.initial], new[state.update])
        )
    flat.losses += [new[n] for n in function.losses]
    return [new[n] for n in function.outputs]


def typed(node: Node, axes: Mapping[str, str]) -> Any:
    """The node's type with its axes under other names."""
    kind = node.type
    names = tuple(axes.get(a, a) for a in kind.axes)
    return kind if names == kind.axes else kind.with_axes(names, open=kind.open)


def _copy(
    flat: _Flat,
    node: Node,
    new: dict[Node, Node],
    results: dict[Node, list[Node]],
    prefix: str,
    axes: Mapping[str, str],
    cyclic: bool,
) -> Node:
    args = tuple(new[a] for a in node.args)
    if node.op == "result":
        holder = node.args[0]
        if holder in results:
            index: int = node.attr("index")
            return results[holder][index]
    if node.op == "call":
        function = node.attr("function")
        inner = _callee_axes(flat, node, args, axes)
        if cyclic or not flat.keep(node):
            path = _join(prefix, node.attr("path"))
            results[node] = _inline(flat, function, args, path, inner, cyclic)
            return node
        if function.polymorphic:
            _own_params(flat, function, _join(prefix, node.attr("path")), inner)
        kept = make("call", args, node.type, function=function,
                    path=_join(prefix, node.attr("path")), sizes=node.attr("sizes"),
                    results=tuple(k.with_axes(tuple(axes.get(a, a) for a in k.axes), open=k.open)
                                  for k in node.attr("results")))  # fmt: skip
        if not function.polymorphic:
            flat.parts.append(kept)
        return kept
    if node.op == "loop" and (cyclic or not flat.keep(node)):
        results[node] = _unroll(flat, node, args, prefix, axes, cyclic)
        return node
    folded = refolded(node.op, args)
    made = folded or make(node.op, args, typed(node, axes), **attributes(node, axes, prefix))
    if node.op == "loop":
        flat.parts.append(made)
    return made


def _own_params(flat: _Flat, function: Function, prefix: str, axes: Mapping[str, str]) -> None:
    """Parameters of a definition that stays a call: they belong to the caller."""
    for param in function.params:
        leaf = make("param", (), typed(param.leaf, axes), path=_join(prefix, param.path),
                    of=flat.top.name)  # fmt: skip
        new: dict[Node, Node] = {}
        for node in topological([param.initial]):
            args = tuple(new[a] for a in node.args)
            new[node] = make(node.op, args, typed(node, axes), **attributes(node, axes, prefix))
        flat.params.append(_param(leaf, new[param.initial]))


def attributes(node: Node, axes: Mapping[str, str], prefix: str) -> dict[str, Any]:
    """The node's attributes with axes under other names, and paths below `prefix`."""
    out: dict[str, Any] = {}
    for key, value in node.attrs:
        if key in _AXIS_ATTRS:
            names: tuple[str, ...] = value
            out[key] = tuple(axes.get(a, a) for a in names)
        elif key == "axis":
            out[key] = axes.get(value, value)
        elif key == "body" and any(k != v for k, v in axes.items()):
            out[key] = renamed(value, axes)
        elif key == "path":
            out[key] = _join(prefix, value)
        else:
            out[key] = value
    return out


def renamed(function: Function, axes: Mapping[str, str]) -> Function:
    """An attend body with its axes under other names."""
    new: dict[Node, Node] = {}
    for node in topological([*function.inputs, *function.outputs]):
        args = tuple(new[a] for a in node.args)
        new[node] = make(node.op, args, typed(node, axes), **attributes(node, axes, ""))
    return Function(
        name=function.name,
        kind=function.kind,
        inputs=tuple(new[n] for n in function.inputs),
        outputs=tuple(new[n] for n in function.outputs),
        axes={axes.get(a, a): s for a, s in function.axes.items()},
        header=function.header,
        input_names=function.input_names,
        spans={new[n]: s for n, s in function.spans.items() if n in new},
        source=function.source,
    )


def _callee_axes(
    flat: _Flat, node: Node, args: Sequence[Node], axes: Mapping[str, str]
) -> dict[str, str]:
    """The callee's axes under the flat graph's names."""
    function: Function = node.attr("function")
    inner: dict[str, str] = {}
    for leaf, arg in zip(function.inputs, args, strict=False):
        inner.update(zip(leaf.type.axes, arg.type.axes, strict=False))
        if leaf.type.vocab and arg.type.vocab:
            inner.setdefault(leaf.type.vocab, arg.type.vocab)
    for output, kind in zip(function.outputs, node.attr("results"), strict=True):
        for mine, theirs in zip(output.type.axes, kind.axes, strict=True):
            inner.setdefault(mine, axes.get(theirs, theirs))
    taken = set(inner.values())
    for axis, size in function.axes.items():
        if axis in inner:
            continue
        name, count = axis, 2
        while name in taken or flat.axes.get(name, size) != size:
            name, count = f"{axis}_{count}", count + 1
        inner[axis] = name
        taken.add(name)
        flat.axes[name] = size
    return inner


def _cycles(function: Function) -> set[Node]:
    """Nodes on the cycle of one of the function's own states."""
    if not function.states:
        return set()
    from asiarch.ir.interpreter import Group, schedule

    return {n for step in schedule(function) if isinstance(step, Group) for n in step.nodes}


def _unroll(
    flat: _Flat,
    node: Node,
    args: Sequence[Node],
    prefix: str,
    axes: Mapping[str, str],
    cyclic: bool,
) -> list[Node]:
    bodies, schedule = node.attr("bodies"), node.attr("schedule")
    count = node.attr("count").integer
    if count is None:
        raise ValueError(f"a loop of {node.attr('count')} iterations is not concrete")
    carried = node.attr("carried")
    values = list(args)
    for n in range(count):
        body: Function = bodies[schedule[n] if schedule is not None else 0]
        path = _join(prefix, f"{node.attr('path')}.{n}")
        outputs = _inline(flat, body, values[: len(body.inputs)], path, axes, cyclic)
        values[:carried] = outputs
    return values[:carried]
