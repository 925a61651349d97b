"""Numbers that are certainly no numbers, and gates that never open, from ranges. Only what holds
for every input and every value of the parameters is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from asiarch.ir.function import Function
from asiarch.ir.interval import INF, Range
from asiarch.ir.node import Node

LARGEST = 709.0  # exp of more is no float64


def lints(function: Function, values: Mapping[Node, Any]) -> Iterator[tuple[str, str, Node]]:
    """(code, message, node) for nodes of a function whose ranges are known."""
    for node in function.nodes():
        if node.is_leaf or not node.args:
            continue
        facts = [values.get(a) for a in node.args]
        if not all(isinstance(f, Range) for f in facts):
            continue
        message = _undefined(node, [f for f in facts if isinstance(f, Range)])
        if message is not None:
            yield "W0104", message, node
        if node.op == "mul":
            for arg, fact in zip(node.args, facts, strict=True):
                if _never(arg, fact):
                    yield "W0103", "this factor is always 0: the gate cannot open", arg


def _never(node: Node, fact: Any) -> bool:
    return isinstance(fact, Range) and fact.low == fact.high == 0 and not node.is_leaf


def _undefined(node: Node, facts: list[Range]) -> str | None:
    x = facts[0]
    match node.op:
        case "log" if x.high < 0 or (x.high == 0 and (x.high_open or x.low == 0)):
            return f"the logarithm of a value in {x} is no number"
        case "sqrt" if x.high < 0 or (x.high == 0 and x.high_open):
            return f"the square root of a value in {x} is no number"
        case "exp" if LARGEST < x.low < INF:  # what follows an overflow is not said again
            return f"the exponential of a value in {x} overflows"
        case "div" if facts[1].low == facts[1].high == 0:
            return "this divides by 0"
        case _:
            return None
