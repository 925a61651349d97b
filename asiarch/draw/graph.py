"""From a function to what is drawn: boxes for equations, calls, states and blocks, and edges between.

Terms without a name are written into the box of the equation that uses them, so a box is a line of the
program. Knows nothing of places or of pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from asiarch.draw.expression import Writer
from asiarch.ir.function import Function
from asiarch.ir.node import Node

BLOCKS = ("loop", "branch")


@dataclass(slots=True)
class Box:
    """`kind`: input, equation, state, attend, call, block, result, loss. `params` are its parameters."""

    kind: str
    title: str
    lines: list[str] = field(default_factory=list[str])
    params: list[str] = field(default_factory=list[str])
    type: str = ""
    inner: list[tuple[str, Graph]] = field(default_factory=list["tuple[str, Graph]"])


@dataclass(slots=True)
class Graph:
    """`edges` go down; `feedback` edges carry a state from token t - 1 and go up. Numbers are boxes."""

    boxes: list[Box] = field(default_factory=list[Box])
    edges: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    feedback: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])


def graph_of(function: Function) -> Graph:
    """The picture of a function, blocks with their own inside."""
    return _Maker(function).graph


class _Maker:
    """Anchors are the nodes that have a box; everything else is text in one."""

    def __init__(self, function: Function) -> None:
        self.function = function
        self.graph = Graph()
        self.states = {s.leaf: s for s in function.states}
        self.at: dict[Node, int] = {}
        self.names = self._names()
        self.writer = Writer(function, self._name)
        self.paths = {p.leaf: p for p in function.params}
        self._make()

    # -- what has a box ------------------------------------------------------------------------

    def _names(self) -> dict[Node, str]:
        """Anchors in order of evaluation, and what they are called."""
        function = self.function
        updates = {s.update: s.name for s in function.states}
        results = {_holder(n): "return" for n in function.outputs}
        losses = {_holder(n): "loss" for n in function.losses}
        wanted: dict[Node, list[str]] = {}
        for node in function.nodes():
            name = function.hints.get(node) or updates.get(node)
            if node.op in ("param", "state", "size", "const", "position"):
                continue
            holder = _holder(node)
            if node.op == "input":
                wanted.setdefault(node, [])
            elif name is not None:
                wanted.setdefault(holder, []).append(name)
            elif holder in updates or holder in results or holder in losses or _own(holder):
                wanted.setdefault(holder, [])
        return {node: ", ".join(dict.fromkeys(names)) for node, names in wanted.items()}

    def _name(self, node: Node) -> str | None:
        """What a term is called in another box's text, None if it is written out there."""
        holder = _holder(node)
        if node.op == "input" or holder not in self.names:
            return None
        name = self.function.hints.get(node) or self.names[holder]
        return name or _title(holder)

    # -- making --------------------------------------------------------------------------------

    def _make(self) -> None:
        function = self.function
        read = {a for node in function.nodes() for a in node.args}
        whole = function.kind in ("op", "model")
        for leaf, name in zip(function.inputs, function.input_names, strict=True):
            # A block has an input for whatever its neighbours read; one that it ignores is left out.
            if whole or leaf in read or leaf in function.outputs:
                self.at[leaf] = self._add(Box("input", name, type=_axes(leaf)))
        for node in self.names:
            if node.op != "input":
                self.at[node] = self._add(self._box(node))
        for node in self.names:
            if node.op != "input":
                self._edges(node)
        if whole:
            for output in function.outputs:
                self._end(output, "result", "return")
        for loss in function.losses:
            self._end(loss, "loss", "loss")

    def _add(self, box: Box) -> int:
        self.graph.boxes.append(box)
        return len(self.graph.boxes) - 1

    def _end(self, node: Node, kind: str, title: str) -> None:
        """The mark below a result; an equation without a name is the result itself."""
        holder = _holder(node)
        while holder not in self.at and holder.op == "order":
            holder = _holder(holder.args[0])
        if holder not in self.at:
            return
        box = self.graph.boxes[self.at[holder]]
        if box.kind == "equation" and not self.names.get(holder):
            box.kind, box.title = kind, title
            return
        end = self._add(Box(kind, title))
        self.graph.edges.append((self.at[holder], end))

    def _box(self, node: Node) -> Box:
        name = self.names[node]
        inside = list(self._inside(node))
        params = [p.removeprefix(f"{name}.") for p in self._params(inside)]
        box = Box("equation", name, type=_axes(node), params=params)
        if node.op in BLOCKS:
            return self._block(node, box)
        if node.op == "attend":
            box.kind, box.lines = "attend", _attend_lines(node, self.writer)
            box.title = name or "attend"
        elif node.op == "call":
            box.kind = "call"
            box.title = f"{name} = {_title(node)}" if name else _title(node)
            box.lines = [f"({', '.join(self.writer.text_of(a) for a in node.args)})"]
            box.type = _axes_of(node.attr("results")[0].axes)
        else:
            box.lines = [self.writer.text(node)]
        if any(s.update is node for s in self.function.states):
            box.kind = "state"
        return box

    def _block(self, node: Node, box: Box) -> Box:
        box.kind, box.type = "block", ""
        box.params = []
        if node.op == "branch":
            then, otherwise = node.attr("then"), node.attr("otherwise")
            box.title = f"if {_condition(node)}"
            box.inner = [("then", graph_of(then)), ("else", graph_of(otherwise))]
            return box
        box.title = f"for {node.attr('variable')} in {node.attr('count')}"
        bodies, schedule = node.attr("bodies"), node.attr("schedule")
        for number, body in enumerate(bodies):
            runs = [str(i) for i, b in enumerate(schedule or ()) if b == number]
            title = f"{node.attr('variable')} = {_few(runs)}" if len(bodies) > 1 else ""
            box.inner.append((title, graph_of(body)))
        return box

    # -- what stands in a box --------------------------------------------------------------------

    def _inside(self, root: Node) -> Iterator[Node]:
        """Terms that are written in the box of `root`: down to other boxes and leaves."""
        seen: set[Node] = set()
        stack = [root]
        while stack:
            node = stack.pop()
            if node in seen:
                continue
            seen.add(node)
            yield node
            stack += [a for a in reversed(node.args) if a is root or not self._other(a, root)]

    def _other(self, node: Node, root: Node) -> bool:
        holder = _holder(node)
        return holder in self.names and holder is not root

    def _params(self, inside: list[Node]) -> Iterator[str]:
        for node in inside:
            if node.op == "param" and node in self.paths:
                yield f"{self.paths[node].path} {_axes_of(node.type.axes)}"
            elif node.op == "call" and node.attr("function").polymorphic:
                for p in node.attr("function").params:
                    yield f"{node.attr('path')}.{p.path} {_axes_of(p.axes)}"

    def _edges(self, root: Node) -> None:
        found: dict[int, None] = {}
        for node in self._inside(root):
            if node in self.states:
                pair = (self.at[_holder(self.states[node].update)], self.at[root])
                if pair not in self.graph.feedback:
                    self.graph.feedback.append(pair)
            for arg in node.args:
                if self._other(arg, root) and _holder(arg) in self.at:
                    found[self.at[_holder(arg)]] = None
        self.graph.edges += [(source, self.at[root]) for source in found]


def _holder(node: Node) -> Node:
    """The call or block that a result is of, if that has a box of its own."""
    if node.op == "result" and _own(node.args[0]):
        return node.args[0]
    return node


def _own(node: Node) -> bool:
    """Has it a box with or without a name?"""
    if node.op == "call":
        return not node.attr("function").polymorphic
    return node.op in (*BLOCKS, "attend")


def _title(node: Node) -> str:
    return node.attr("function").name if node.op == "call" else node.op


def _axes(node: Node) -> str:
    return "tokens" if node.type.mode == "token" else _axes_of(node.type.axes)


def _axes_of(axes: tuple[str, ...]) -> str:
    return f"[{', '.join(axes)}]" if axes else ""


def _condition(node: Node) -> str:
    text = str(node.attr("condition"))
    return text[1:-1] if text.startswith("(") and text.endswith(")") else text


def _few(items: list[str]) -> str:
    return ", ".join(items) if len(items) <= 6 else f"{', '.join(items[:4])}, ... {items[-1]}"


def _attend_lines(node: Node, outer: Writer) -> list[str]:
    """The condition and the fields of an attend block."""
    body: Function = node.attr("body")
    writer = Writer(body, lambda _: None)
    writer.inputs = {
        leaf: outer.text_of(arg) for leaf, arg in zip(body.inputs, node.args, strict=True)
    }
    condition, score, value, *rest = body.outputs
    lines = [f"attend {node.attr('variable')} where {writer.text(condition)}"]
    if node.attr("weight") != "softmax":
        lines.append(f"weight: {node.attr('weight')}")
    lines += [f"score: {writer.text(score)}", f"value: {writer.text(value)}"]
    if node.attr("sink"):
        lines.append(f"sink: {writer.text(rest.pop(0))}")
    if node.attr("keep") is not None:
        lines.append(f"keep: top[{node.attr('keep')}]({writer.text(rest[0])})")
    return lines
