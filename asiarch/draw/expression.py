"""A term as a line of the language, for people: names where there are names, operators between.

It says what a box computes and need not parse: orders of axes are left out, long texts are cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction

from asiarch.ir.function import Function
from asiarch.ir.node import Node

Name = Callable[[Node], str | None]
_INFIX = {
    "or": (1, "or"), "and": (2, "and"), "equal": (4, "=="), "not_equal": (4, "!="),
    "less": (4, "<"), "less_equal": (4, "<="), "add": (5, "+"), "sub": (5, "-"),
    "mul": (6, "*"), "div": (6, "/"), "mod": (6, "%"), "contract": (6, "@"), "pow": (8, "^"),
}  # fmt: skip
_CALL, _ATOM = 9, 10
_DEEPEST = 40
LONGEST = 12  # characters of a fraction that is shown as one


class Writer:
    """Writes terms; `name` gives the name of a node that is drawn by itself, None for others."""

    def __init__(self, function: Function, name: Name) -> None:
        self.function, self.name = function, name
        self.inputs = dict(zip(function.inputs, function.input_names, strict=True))

    def text(self, node: Node) -> str:
        """The term of a node, whose own name is left out."""
        return self._pipe(node) or self._term(node, 0)[1]

    # -- terms ---------------------------------------------------------------------------------

    def _operand(self, node: Node, depth: int, least: int) -> str:
        """An operand, in parentheses when it binds weaker than its place wants."""
        name = self.name(node)
        if name is not None:
            return name
        level, text = self._term(node, depth + 1)
        return text if level >= least else f"({text})"

    def _term(self, node: Node, depth: int) -> tuple[int, str]:
        """How strongly the text binds, and the text."""
        if node.is_leaf:
            return self._leaf(node)
        if depth > _DEEPEST:
            return _ATOM, "..."
        match node.op:
            case "contract" if _is_map(node):
                return _CALL, self._called(_map(node), _mapped(node), depth)
            case "contract" if not _adjacent(node):
                over = ", ".join(node.attr("over"))
                return _CALL, self._called(f"dot[{over}]", node.args, depth)
            case "sub" if _number(node.args[0]) == 0:
                return 7, f"-{self._operand(node.args[1], depth, 7)}"
            case op if op in _INFIX:
                return self._infix(node, depth)
            case "order":
                return self._term_or_name(node.args[0], depth)
            case "delay":
                return _ATOM, f"{self._operand(node.args[0], depth, _ATOM)}{_steps(node)}"
            case "pick" | "gather":
                at = node.attr("index") if node.op == "pick" else self.text_of(node.args[1])
                base = self._operand(node.args[0], depth, _ATOM)
                return _ATOM, f"{base}[{node.attr('axis')} = {at}]"
            case "result":
                return self._term_or_name(node.args[0], depth)
            case _:
                return _CALL, self._called(self._function_name(node), node.args, depth)

    def text_of(self, node: Node) -> str:
        return self._operand(node, 0, 0)

    def _term_or_name(self, node: Node, depth: int) -> tuple[int, str]:
        name = self.name(node)
        return (_ATOM, name) if name is not None else self._term(node, depth)

    def _infix(self, node: Node, depth: int) -> tuple[int, str]:
        level, sign = _INFIX[node.op]
        left, right = node.args
        return level, (
            f"{self._operand(left, depth, level)} {sign} "
            f"{self._operand(right, depth, level + (node.op != 'add'))}"
        )

    def _called(self, name: str, args: tuple[Node, ...], depth: int) -> str:
        return f"{name}({', '.join(self._operand(a, depth, 0) for a in args)})"

    def _leaf(self, node: Node) -> tuple[int, str]:
        match node.op:
            case "size":
                value = node.attr("value")
                text = _size(value.constant, str(value))
                return (_ATOM if " " not in text else 5), text
            case "const":
                return _ATOM, f"{node.attr('value'):.6g}"
            case "param":
                return _ATOM, node.attr("path").rpartition(".")[2]
            case "state":
                return _ATOM, f"{node.attr('name')}[t-1]"
            case "position":
                return _ATOM, node.attr("which")
            case "at":
                return _ATOM, f"{self.inputs.get(node, '?')}[{node.attr('which')}]"
            case _:
                return _ATOM, self.inputs.get(node, str(node.attr("name")))

    # -- calls ---------------------------------------------------------------------------------

    def _function_name(self, node: Node) -> str:
        """The operator and what stands in its brackets."""
        match node.op:
            case "call":
                return f"{node.attr('function').name}{_header(node.attr('function'))}"
            case "window":
                return f"window[{node.attr('axis')}]"
            case "cumulative":
                return {"sum": "cumsum[time]", "max": "cummax[time]"}.get(
                    node.attr("which"), "logcumsumexp[time]"
                )
            case "whole":
                return f"{node.attr('which')}[{', '.join(('time', *node.attr('over')))}]"
            case "split" | "merge":
                axis, parts = node.attr("axis"), ", ".join(node.attr("parts"))
                inside = f"{axis} -> {parts}" if node.op == "split" else f"{parts} -> {axis}"
                return f"{node.op}[{inside}]"
            case "draw":
                return node.attr("which")
            case "amax" | "amin" | "maximum" | "minimum":
                return node.op.replace("imum", "").removeprefix("a") + _brackets(node)
            case _:
                return node.op + _brackets(node)

    def _pipe(self, node: Node) -> str | None:
        """`x |> linear[H, K] |> conv[4] |> silu`: a chain of two calls of one value or more."""
        steps: list[str] = []
        for step, operand in self._chain(node):
            steps.append(step)
            node = operand
        if len(steps) < 2:
            return None
        return " |> ".join([self._operand(node, 0, 9), *reversed(steps)])

    def _chain(self, node: Node) -> Iterator[tuple[str, Node]]:
        """Calls of one value from the outermost inward, each with its operand."""
        first = True
        while first or self.name(node) is None:
            first = False
            if node.op in ("order", "result"):
                node = node.args[0]
                continue
            if _is_map(node):
                step, node = _map(node), _mapped(node)[0]
            elif len(node.args) == 1 and node.op not in _NO_STEPS:
                step, node = self._function_name(node), node.args[0]
            else:
                return
            yield step, node


_NO_STEPS = {*_INFIX, "delay", "pick", "attend", "loop", "branch"}


def _is_map(node: Node) -> bool:
    """Is it a contraction with the weight of a `linear`?"""
    if node.op != "contract" or node.args[1].op != "param":
        return False
    return node.args[1].attr("path").rpartition(".")[2].startswith("linear")


def _map(node: Node) -> str:
    """`linear[D]`, `linear[H, V -> D]`, `linear[F -> D, each E]`."""
    value, weight = node.args
    over = node.attr("over")
    each = [a for a in weight.type.axes if a in value.type.axes and a not in over]
    outs = [a for a in weight.type.axes if a not in over and a not in each]
    inside = ", ".join(outs)
    if len(value.type.axes) > 1:
        inside = f"{', '.join(a.rstrip(chr(39)) for a in over)} -> {inside}"
    return f"linear[{inside}{', each ' + ', '.join(each) if each else ''}]"


def _mapped(node: Node) -> tuple[Node, ...]:
    """The value that a `linear` maps, without the renaming of an axis that is in and out."""
    value = node.args[0]
    while value.op == "rename" and any(a.endswith("'") for a in value.type.axes):
        value = value.args[0]
    return (value,)


def _adjacent(node: Node) -> bool:
    """Does `a @ b` say it: one axis, the last of its left side?"""
    over = node.attr("over")
    return len(over) == 1 and node.args[0].type.last == over[0]


def _brackets(node: Node) -> str:
    axes = node.attr("over") or node.attr("new") or ()
    if node.op in ("stack", "index"):
        axes = (node.attr("axis"),) if node.op == "stack" else node.type.axes
    count = node.attr("count")
    parts = [*axes, *([str(count)] if count is not None else [])]
    if node.op == "rename":
        pairs = zip(node.args[0].type.axes, node.type.axes, strict=True)
        parts = [f"{a} -> {b}" for a, b in pairs if a != b]
    return f"[{', '.join(parts)}]" if parts else ""


def _header(function: Function) -> str:
    """The first number that a call binds: the 4 of `conv[4]`."""
    if not function.polymorphic or not function.header:
        return ""
    first = next(iter(function.header.values())).constant
    return "" if first is None else f"[{first}]"


def _steps(node: Node) -> str:
    steps = node.attr("steps")
    return f"[t-{steps}]" if steps > 0 else f"[t+{-steps}]"


def _number(node: Node) -> Fraction | None:
    return node.attr("value").constant if node.op == "size" else None


def _size(value: Fraction | None, text: str) -> str:
    """A number as a decimal where that is exact, or the fraction long."""
    if value is None or value.denominator == 1:
        return text
    decimal = f"{float(value):.6g}"
    return decimal if Fraction(decimal) == value or len(text) > LONGEST else text
