"""Which functions read later tokens outside their losses.

Their modules run whole rows: a token's output is not known when the token comes, so there is no
decode state and no step. A later token is read by the plan's steps as they stand, even where a
delay behind it makes the whole causal.
"""

from __future__ import annotations

import math

from asiarch.ir.domains.grade import grade_of
from asiarch.ir.function import Function
from asiarch.ir.node import Node, topological
from asiarch.ir.offsets import hull, upper


def looks_ahead(function: Function) -> bool:
    """Does any value, losses aside, read a later token; parts that are modules included?"""
    roots = [*function.outputs, *(s.update for s in function.states)]
    return any(_ahead(node) for node in topological(roots))


def _ahead(node: Node) -> bool:
    match node.op:
        case "delay":
            return node.attr("steps") < 0
        case "attend":
            return tokens_ahead(node) != 0
        case "call":
            return looks_ahead(node.attr("function"))
        case "loop":
            return any(looks_ahead(f) for f in node.attr("bodies"))
        case _:
            return False


def tokens_ahead(node: Node) -> int | None:
    """How many tokens ahead an attend's condition looks; None where that has no known bound."""
    high = upper(hull(node.attr("body").outputs[0]).high)
    return None if math.isinf(high) else max(0, math.floor(high))


def why_no_state(function: Function) -> str:
    """What a module says that is asked to go token by token."""
    high = max((g.span[1] for g in grade_of(function)), default=0)
    if math.isinf(high) or high <= 0:
        return f"{function.name} is made of later tokens: run whole rows, it has no decode state"
    count = f"{int(high)} token{'s' if high > 1 else ''}"
    return f"{function.name} looks {count} ahead: run whole rows, it has no decode state"
