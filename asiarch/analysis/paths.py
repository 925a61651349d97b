"""A rejection of causality: where the future is read, and how it flows to the result."""

from __future__ import annotations

import math
from collections import deque

from asiarch.analysis.flow import BLOCKS
from asiarch.elaborate.program import Named
from asiarch.ir.domains.grade import Grade
from asiarch.ir.function import ClaimInfo, Function
from asiarch.ir.node import Node
from asiarch.language.ast import Span
from asiarch.language.diagnostics import Diagnostic, Label

SHOWN = 3  # names on the way

Step = tuple[Function, Node]


def refused(function: Function, grades: list[Grade], claim: ClaimInfo) -> Diagnostic:
    """The error of a claim `causal` that the grades refute."""
    worst = max(grades, key=lambda g: (g.span[1], g.whole))
    output = function.outputs[grades.index(worst)]
    cause = worst.cause
    chain = chain_to(function, cause) if cause is not None else []
    span, callee = _place(chain)
    labels = _flow(function, chain[0][1], output, span) if chain else []
    labels.append(Label(claim.at, "claimed here"))
    result = next((name for name, node in function.names.items() if node is output), None)
    what = f"`{result}`" if result else f"the result of `{function.name}`"
    reads = _reads(cause, worst.span[1])
    within = _inside(function, chain)
    if within is not None:
        labels.append(Label(within, reads))
    return Diagnostic(
        "E0301",
        f"{what} reads the future",
        span or claim.at,
        label=f"`{callee}` {reads}" if callee else reads.replace("admits", "its condition admits"),
        secondary=tuple(labels),
        help=_help(cause),
        file=function.source.file if isinstance(function.source, Named) else None,
    )


def chain_to(function: Function, cause: Node) -> list[Step]:
    """The nodes that hold each other down to the cause: blocks and calls, outermost first."""
    seen: set[int] = set()
    stack: list[tuple[Function, list[Step]]] = [(function, [])]
    while stack:
        current, before = stack.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        if cause in current.spans or any(n is cause for n in current.nodes()):
            return [*before, (current, cause)]
        stack += reversed([(f, [*before, (current, n)]) for n, f in current.children()])
    return []


def _place(chain: list[Step]) -> tuple[Span | None, str | None]:
    """The place of the cause in the definition: through blocks, up to the first call."""
    span: Span | None = None
    for function, node in chain:
        span = function.spans.get(node, span)
        if node.op == "call":
            return span, node.attr("function").name
        if node.op not in BLOCKS:
            break
    return span, None


def _inside(function: Function, chain: list[Step]) -> Span | None:
    """The place of the cause in the definition that is called, if it stands in the same file."""
    if not any(node.op == "call" for _, node in chain):
        return None
    holder, cause = chain[-1]
    owner = next((f for f, _ in reversed(chain) if isinstance(f.source, Named)), None)
    if owner is None or not isinstance(function.source, Named):
        return None
    same = owner.source.file == function.source.file
    return holder.spans.get(cause) if same else None


def _flow(function: Function, start: Node, output: Node, place: Span | None) -> list[Label]:
    """Labels of the names that the value goes through on a shortest way to the result."""
    way = _way(function, start, output)
    names = {node: name for name, node in function.names.items()}
    names |= {n: h for n, h in function.hints.items() if n not in names}
    stops = [n for n in way if n in function.spans and (n in names or n is output)]
    stops = [n for n in stops if function.spans[n] != place and not n.is_leaf]
    if len(stops) > SHOWN:
        stops = [*stops[: SHOWN - 1], stops[-1]]
    labels: list[Label] = []
    for node in stops:
        into = f"`{names[node]}`" if node in names else "the result"
        text = f"and flows into {into} here" if node is output else f"flows into {into}"
        labels.append(Label(function.spans[node], text))
    return labels


def _way(function: Function, start: Node, output: Node) -> list[Node]:
    """A shortest path from a node to a result, through states; [] when there is none."""
    updates = {s.leaf: (s.update, s.initial) for s in function.states}
    after: dict[Node, Node | None] = {output: None}
    queue = deque([output])
    while queue:
        node = queue.popleft()
        if node is start:
            break
        for below in (*node.args, *updates.get(node, ())):
            if below not in after:
                after[below] = node
                queue.append(below)
    way: list[Node] = []
    at: Node | None = start if start in after else None
    while at is not None:
        way.append(at)
        at = after[at]
    return way


def _reads(cause: Node | None, high: float) -> str:
    if cause is not None and cause.op == "whole":
        return "reads every token of the sequence"
    if cause is not None and cause.op == "attend" and math.isinf(high):
        return "admits tokens after t, without bound"
    count = "all" if math.isinf(high) else f"{int(high)}"
    return f"reads {count} token{'s' if count != '1' else ''} ahead"


def _help(cause: Node | None) -> str:
    if cause is None:
        return "every value may depend on tokens up to its own"
    if cause.op == "whole":
        which = cause.attr("which")
        running = {"mean": "cummean", "sum": "cumsum", "max": "cummax"}.get(which)
        if running:
            return f"`{running}[time](...)` lets t see only what came before"
        return (
            f"`{which}[time]` needs the whole sequence; choose along an axis, or attend over j <= t"
        )
    if cause.op == "attend":
        return f"add `{cause.attr('variable')} <= t` to the condition"
    return "read `[t-k]`, or claim `lookahead(k)` instead of `causal`"
