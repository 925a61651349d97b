"""Does an operator mix neighbouring tokens by itself?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from asiarch.analysis.ledger import Facts
from asiarch.ir.function import Function

Short = Literal["none", "shift", "conv"]


def short(facts: Facts) -> Short:
    """`conv` with a window of tokens, as a convolution is, `shift` with a delay alone."""
    graphs = [p.function for p in facts.parts] or [facts.flat or facts.function]
    ops = {node.op for g in graphs for f in called(g) for node in f.nodes()}
    if "window" in ops:
        return "conv"
    return "shift" if "delay" in ops else "none"


def called(graph: Function) -> Iterator[Function]:
    """A graph with the functions of its calls and blocks, each once; blocks of `attend` have no
    values of their own tokens.
    """
    stack, seen = [graph], set[int]()
    while stack:
        current = stack.pop()
        if id(current) not in seen:
            seen.add(id(current))
            yield current
            stack += [f for node, f in current.children() if node.op != "attend"]
