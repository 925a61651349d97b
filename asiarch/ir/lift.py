"""A function whose parameters have become inputs, so that several calls can have the same ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from asiarch.ir import rules
from asiarch.ir.flatten import attributes, typed
from asiarch.ir.function import Function, ParamInfo
from asiarch.ir.node import Node, make, rebuild, topological
from asiarch.ir.primitive import Problem
from asiarch.ir.size import Size
from asiarch.ir.types import Type


@dataclass(slots=True)
class _Lift:
    function: Function
    inputs: list[Node]
    names: list[str]
    axes: dict[str, Size]
    new: dict[Node, Node] = field(default_factory=dict[Node, Node])
    params: list[ParamInfo] = field(default_factory=list[ParamInfo])

    def weight(self, info: ParamInfo) -> Node:
        kind = Type("tensor", info.axes)
        count = len(self.inputs)
        leaf = make("input", (), kind, name=info.path, index=count, of=self.function.name)
        self.inputs.append(leaf)
        self.names.append(info.path)
        self.params.append(info)
        return leaf


def has_weights(function: Function) -> bool:
    """Does it, or anything that it calls, own parameters?"""
    return bool(function.params) or any(has_weights(f) for _, f in function.children())


def lifted(function: Function) -> tuple[Function, tuple[ParamInfo, ...]]:
    """The function with its parameters, and those of what it calls, as further inputs in order."""
    lift = _Lift(function, list(function.inputs), list(function.input_names), dict(function.axes))
    for param in function.params:
        lift.new[param.leaf] = lift.weight(param)
    roots = [*function.inputs, *function.roots(), *(s.leaf for s in function.states)]
    for node in topological(roots):
        if node not in lift.new:
            lift.new[node] = _copied(lift, node)
    made = replace(
        function.over(lift.new),
        inputs=tuple(lift.inputs),
        input_names=tuple(lift.names),
        axes=lift.axes,
        params=(),
        polymorphic=False,
    )
    return made, tuple(lift.params)


def _copied(lift: _Lift, node: Node) -> Node:
    args = tuple(lift.new[a] for a in node.args)
    held = [v for k, v in node.attrs if isinstance(v, Function) and k != "function"]
    held += [f for k, v in node.attrs if k == "bodies" for f in v]
    if any(map(has_weights, held)):
        raise Problem(
            "E0120",
            f"`{lift.function.name}` has layers or branches with weights of their own; they cannot "
            "be shared",
        )
    if node.op != "call" or not has_weights(node.attr("function")):
        return rebuild(node, args)
    callee, inner = lifted(node.attr("function"))
    names = axes_for(callee, args, node.attr("results"), lift.axes, dict(node.attr("sizes")))
    extra = [
        lift.weight(moved(info, names, node.attr("path"), dict(node.attr("sizes"))))
        for info in inner
    ]
    return make("call", (*args, *extra), node.type, **{**dict(node.attrs), "function": callee})


def axes_for(
    callee: Function,
    args: Sequence[Node],
    results: Sequence[Type],
    axes: dict[str, Size],
    sizes: Mapping[str, Size],
) -> dict[str, str]:
    """The callee's axes in the caller's names; private ones are added to the caller's `axes`."""
    names: dict[str, str] = {}
    for leaf, arg in zip(callee.inputs, args, strict=False):
        names.update(zip(leaf.type.axes, arg.type.axes, strict=True))
    for output, kind in zip(callee.outputs, results, strict=True):
        for mine, theirs in zip(output.type.axes, kind.axes, strict=True):
            names.setdefault(mine, theirs)
    for axis, size in callee.axes.items():
        if axis in names:
            continue
        name, here = axis, size.substitute(sizes)
        while name in names.values() or axes.get(name, here) != here:
            name += "'"
        axes[name] = here
        names[axis] = name
    return names


def moved(
    info: ParamInfo, names: Mapping[str, str], prefix: str, sizes: Mapping[str, Size]
) -> ParamInfo:
    """A parameter as the caller has it: under `prefix`, in the caller's axes and sizes."""
    new: dict[Node, Node] = {}
    for node in topological([info.initial]):
        if node.op == "size":
            new[node] = rules.number(node.attr("value").substitute(dict(sizes)))
            continue
        args = tuple(new[a] for a in node.args)
        attrs: dict[str, Any] = attributes(node, names, prefix)
        new[node] = make(node.op, args, typed(node, names), **attrs)
    axes = tuple(names.get(a, a) for a in info.axes)
    path = f"{prefix}.{info.path}"
    return ParamInfo(info.leaf, path, axes, new[info.initial])
