"""The flat graphs of a definition whose recurrences are classified: itself with its calls inlined,
and every body of `for` and `if` by itself. What holds no state has no part. What would grow too
large is left out, and known to be.
"""

from __future__ import annotations

from dataclasses import dataclass

from asiarch.analysis.flow import BLOCKS
from asiarch.ir.flatten import flatten, inlined
from asiarch.ir.function import Function
from asiarch.ir.node import Node
from asiarch.ir.recurrence import Recurrence, recurrences

MOST = 5_000  # nodes of all flat forms
STATES = 96  # states whose normal forms are looked for together


@dataclass(frozen=True, slots=True)
class Part:
    """A flat graph and its recurrences."""

    function: Function
    recurrences: list[Recurrence]


def parts(function: Function) -> tuple[list[Part], bool]:
    """The parts, the definition's own first, and whether they are all."""
    out: list[Part] = []
    queue, seen = [function], {id(function)}
    room, complete = MOST, True
    while queue:
        current = queue.pop(0)
        if not stateful(current):
            continue
        room -= inlined(current, _kept)
        flat = flat_form(current) if room >= 0 else None
        if flat is None:
            complete = False
            continue
        out.append(Part(flat, recurrences(flat) if flat.states else []))
        for node, child in flat.children():
            if node.op in BLOCKS and id(child) not in seen:
                seen.add(id(child))
                queue.append(child)
    return out, complete


def stateful(function: Function) -> bool:
    """Has it a state, in its calls and blocks too?"""
    if "stateful" not in function.memo:
        inside = any(stateful(child) for _, child in function.children())
        function.memo["stateful"] = bool(function.states) or inside
    return function.memo["stateful"]


def own(function: Function) -> Function | None:
    """The definition's own flat form with loops kept, unless it would grow too large."""
    return flat_form(function) if inlined(function, _kept) <= MOST else None


def flat_form(function: Function) -> Function | None:
    """None for a loop on a state's cycle whose count is a name, and for too many states."""
    try:
        flat = flatten(function, keep=_kept)
    except ValueError:
        return None
    return flat if len(flat.states) <= STATES else None


def _kept(node: Node) -> bool:
    if node.op == "call":
        callee: Function = node.attr("function")
        return callee.polymorphic and not stateful(callee)
    return node.op == "loop"
