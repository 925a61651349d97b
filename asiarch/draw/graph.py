"""From a function to what is drawn: boxes for equations, calls, states, blocks; edges between.

Terms without a name are written into the box of the equation that uses them, so a box is a line of
the program. Knows nothing of places or of pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from asiarch.draw.equations import BLOCKS, Equations, bodies, heading, title
from asiarch.draw.expression import Writer
from asiarch.ir.function import Function
from asiarch.ir.node import Node


@dataclass(slots=True)
class Box:
    """`kind`: input, equation, state, attend, call, block, result, loss; `params`: its own."""

    kind: str
    title: str
    lines: list[str] = field(default_factory=list[str])
    params: list[str] = field(default_factory=list[str])
    type: str = ""
    inner: list[tuple[str, Graph]] = field(default_factory=list["tuple[str, Graph]"])


@dataclass(slots=True)
class Graph:
    """`edges` go down; `feedback` edges carry a state from token t - 1. Numbers are boxes."""

    boxes: list[Box] = field(default_factory=list[Box])
    edges: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    feedback: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])


def graph_of(function: Function) -> Graph:
    """The picture of a function, blocks with their own inside."""
    return _Maker(function).graph


class _Maker:
    """Every line of the function has a box; `at` numbers them."""

    def __init__(self, function: Function) -> None:
        self.function = function
        self.graph = Graph()
        self.states = {s.leaf: s for s in function.states}
        self.at: dict[Node, int] = {}
        self.lines = Equations(function, calls=True)
        self._make()

    def _make(self) -> None:
        function = self.function
        whole = function.kind in ("op", "model")
        self._inputs(whole)
        equations = [node for node in self.lines.names if node.op != "input"]
        for node in equations:
            self.at[node] = self._add(self._box(node))
        for node in equations:
            self._edges(node)
        if whole:
            for output in function.outputs:
                self._end(output, "result", "return")
        for loss in function.losses:
            self._end(loss, "loss", "loss")

    def _inputs(self, whole: bool) -> None:
        """A block has an input for what its neighbours read; one that it ignores is left out."""
        function = self.function
        read = {a for node in function.nodes() for a in node.args}
        for leaf, name in zip(function.inputs, function.input_names, strict=True):
            if whole or leaf in read or leaf in function.outputs:
                self.at[leaf] = self._add(Box("input", name, type=_axes(leaf)))

    def _add(self, box: Box) -> int:
        self.graph.boxes.append(box)
        return len(self.graph.boxes) - 1

    def _end(self, node: Node, kind: str, word: str) -> None:
        """The mark below a result; an equation without a name is the result itself."""
        holder = self.lines.holder(node)
        while holder not in self.at and holder.op == "order":
            holder = self.lines.holder(holder.args[0])
        if holder not in self.at:
            return
        box = self.graph.boxes[self.at[holder]]
        if box.kind == "equation" and not self.lines.names.get(holder):
            box.kind, box.title = kind, word
            return
        end = self._add(Box(kind, word))
        self.graph.edges.append((self.at[holder], end))

    def _box(self, node: Node) -> Box:
        name, writer = self.lines.names[node], self.lines.writer
        if node.op in BLOCKS:
            inner = [(label, graph_of(body)) for label, body in bodies(node)]
            return Box("block", heading(node), inner=inner)
        used = self.lines.params(list(self.lines.inside(node)))
        params = [f"{path.removeprefix(f'{name}.')} {_list(axes)}" for path, axes in used]
        box = Box("equation", name, type=_axes(node), params=params)
        if node.op == "attend":
            box.kind, box.lines = "attend", _attend_lines(node, writer)
            box.title = name or "attend"
        elif node.op == "call" and not node.attr("function").polymorphic:
            box.kind = "call"
            box.title = f"{name} = {title(node)}" if name else title(node)
            box.lines = [f"({', '.join(writer.text_of(a) for a in node.args)})"]
            box.type = _list(node.attr("results")[0].axes)
        else:
            box.lines = [writer.text(node)]
        if any(s.update is node for s in self.function.states):
            box.kind = "state"
        return box

    def _edges(self, root: Node) -> None:
        found: dict[int, None] = {}
        for node in self.lines.inside(root):
            if node in self.states:
                update = self.lines.holder(self.states[node].update)
                pair = (self.at[update], self.at[root])
                if pair not in self.graph.feedback:
                    self.graph.feedback.append(pair)
            for arg in node.args:
                holder = self.lines.holder(arg)
                if self.lines.other(arg, root) and holder in self.at:
                    found[self.at[holder]] = None
        self.graph.edges += [(source, self.at[root]) for source in found]


def _axes(node: Node) -> str:
    return "Token" if node.type.mode == "token" else _list(node.type.axes)


def _list(axes: tuple[str, ...]) -> str:
    return f"[{', '.join(axes)}]" if axes else ""


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
