"""The lines of a function: which nodes are equations, and which terms are written out in each.

An equation is a node with a name, a state's value after the token, or a result; `for` and `if` are
lines too. With `calls`, so are a call of a definition with streams, and an `attend`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from asiarch.draw.expression import Writer
from asiarch.ir.function import Function
from asiarch.ir.node import Node

BLOCKS = ("loop", "branch")
_NO_LINE = ("param", "state", "size", "const", "position")


class Equations:
    """`names`: every line's node, in order of evaluation, with its name ("" for a bare result)."""

    def __init__(self, function: Function, *, calls: bool) -> None:
        self.function, self.calls = function, calls
        self.names = self._names()
        self.writer = Writer(function, self.name)
        self._params = {p.leaf: p for p in function.params}

    def _names(self) -> dict[Node, str]:
        function = self.function
        updates = {s.update: s.name for s in function.states}
        ends = {self.holder(n) for n in (*function.outputs, *function.losses)}
        wanted: dict[Node, list[str]] = {}
        for node in function.nodes():
            if node.op in _NO_LINE:
                continue
            holder, name = self.holder(node), function.hints.get(node) or updates.get(node)
            if node.op == "input":
                wanted.setdefault(node, [])
            elif name is not None:
                wanted.setdefault(holder, []).append(name)
            elif holder in updates or holder in ends or self._own(holder):
                wanted.setdefault(holder, [])
        return {node: ", ".join(dict.fromkeys(names)) for node, names in wanted.items()}

    def name(self, node: Node) -> str | None:
        """What a term is called in another line, None if it is written out there."""
        holder = self.holder(node)
        if node.op == "input" or holder not in self.names:
            return None
        return self.function.hints.get(node) or self.names[holder] or title(holder)

    def holder(self, node: Node) -> Node:
        """The call or block that a result is of, if that is a line of its own."""
        if node.op == "result" and self._own(node.args[0]):
            return node.args[0]
        return node

    def _own(self, node: Node) -> bool:
        """Is it a line even without a name?"""
        if node.op == "call":
            return self.calls and not node.attr("function").polymorphic
        return node.op in BLOCKS or (self.calls and node.op == "attend")

    def inside(self, root: Node) -> Iterator[Node]:
        """Terms that are written out in the line of `root`: down to other lines and leaves."""
        seen: set[Node] = set()
        stack = [root]
        while stack:
            node = stack.pop()
            if node in seen:
                continue
            seen.add(node)
            yield node
            stack += [a for a in reversed(node.args) if not self.other(a, root)]

    def other(self, node: Node, root: Node) -> bool:
        """Is this operand another line than `root`?"""
        holder = self.holder(node)
        return holder in self.names and holder is not root

    def params(self, inside: Sequence[Node]) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Paths and axes of the parameters that a line uses, those of library calls included."""
        for node in inside:
            if node.op == "param" and node in self._params:
                yield self._params[node].path, node.type.axes
            elif node.op == "call" and node.attr("function").polymorphic:
                for p in node.attr("function").params:
                    yield f"{node.attr('path')}.{p.path}", p.axes


def title(node: Node) -> str:
    """What a line without a name is called."""
    return node.attr("function").name if node.op == "call" else node.op


def heading(node: Node) -> str:
    """The first line of a block: `for layer in L`, `if layer % 4 == 3`."""
    if node.op == "loop":
        return f"for {node.attr('variable')} in {node.attr('count')}"
    text = str(node.attr("condition"))
    return f"if {text[1:-1] if text.startswith('(') and text.endswith(')') else text}"


def bodies(node: Node) -> list[tuple[str, Function]]:
    """The functions of a block, each with the iterations or the case that it is for."""
    if node.op == "branch":
        return [("then", node.attr("then")), ("else", node.attr("otherwise"))]
    found, schedule = node.attr("bodies"), node.attr("schedule") or ()
    if len(found) == 1:
        return [("", found[0])]
    out: list[tuple[str, Function]] = []
    for number, body in enumerate(found):
        runs = [str(i) for i, b in enumerate(schedule) if b == number]
        shown = runs if len(runs) <= 6 else [*runs[:4], "...", runs[-1]]
        out.append((f"{node.attr('variable')} = {', '.join(shown)}", body))
    return out
