"""The mechanism of a candidate, read from its IR: which niche of the archive is its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass

from asiarch.analysis.ledger import Facts
from asiarch.analysis.short import called, short
from asiarch.ir.function import Function, StateInfo
from asiarch.ir.interpreter import Group, schedule
from asiarch.ir.node import Node
from asiarch.ir.offsets import hull
from asiarch.ir.recurrence import Recurrence

TRANSITIONS = (
    "none", "max-plus", "scalar", "diagonal", "householder", "dplr", "coupled", "nonlinear",
    "unread",
)  # fmt: skip
"""From plain to rich; the richest of several counts."""
STATES = ("none", "vector", "matrix")
RANGES = ("none", "local", "global")
ACTIVATIONS = frozenset({"silu", "swish", "gelu", "relu2"})


@dataclass(frozen=True, slots=True)
class Niche:
    """state: none, vector, matrix (by axes beside heads). transition: none, max-plus, scalar,
    diagonal, householder, dplr, coupled (several states, linear), nonlinear; unread where a loop of
    an unknown length stands on its cycle. gating: none, decay (made of the input), output, both.
    attention: none, local, global. conv: none, shift, conv. read: none, after, before, both (of the
    update).
    """

    state: str = "none"
    transition: str = "none"
    gating: str = "none"
    attention: str = "none"
    conv: str = "none"
    read: str = "none"

    def __str__(self) -> str:
        return "/".join(astuple(self))


def niche(facts: Facts) -> Niche:
    """The niche of a checked definition."""
    found = [r for part in facts.parts for r in part.recurrences]
    graphs = [p.function for p in facts.parts] or [facts.flat or facts.function]
    nodes = [n for g in graphs for f in called(g) for n in f.nodes()]
    states = [s for f in called(facts.function) for s in f.states]
    transitions = [_transition(r) for r in found] + ["unread"] * (not facts.complete)
    return Niche(
        max(map(_state, states), key=STATES.index, default="none"),
        max(transitions, key=TRANSITIONS.index, default="none"),
        _gating(found, graphs),
        max((_range(n) for n in nodes if n.op == "attend"), key=RANGES.index, default="none"),
        short(facts),
        _read(found),
    )


def _state(state: StateInfo) -> str:
    return "matrix" if len(set(state.leaf.type.axes) - {"H"}) >= 2 else "vector"


def _transition(r: Recurrence) -> str:
    base, _, rank = r.cls.partition("+")
    if r.coupled is not None or base == "momentum":
        return "coupled"
    if base == "nonlinear" and r.gates:
        return "dplr"  # a loop for another reason: its decay and its erase terms are known
    if base not in ("identity", "scalar", "diagonal", "elementwise"):
        return "max-plus" if r.tropical is not None else "nonlinear"
    if rank:
        return "householder" if base == "identity" and rank == "rank1" else "dplr"
    return {"identity": "none", "scalar": "scalar"}.get(base, "diagonal")


def _gating(found: Sequence[Recurrence], graphs: Sequence[Function]) -> str:
    decay = any(_varies(d) for r in found for d in (r.decay, *r.gates))
    output = any(_gates_the_output(g) for g in graphs)
    return {(False, False): "none", (True, False): "decay", (False, True): "output"}.get(
        (decay, output), "both"
    )


def _varies(node: Node | None) -> bool:
    return node is not None and node.type.stream and not node.type.positional


def _gates_the_output(graph: Function) -> bool:
    """Is what was read from a memory, off its cycle, times a gate that it is not made of?"""
    cyclic = {n for s in schedule(graph) if isinstance(s, Group) for n in s.nodes}
    memory: set[Node] = {s.leaf for s in graph.states}
    for node in graph.nodes():
        if node.op in ("attend", "loop") or any(a in memory for a in node.args):
            memory.add(node)
    return any(
        _is_gate(b) and a in memory and b not in memory
        for n in graph.nodes()
        if n.op == "mul" and n not in cyclic
        for a, b in (n.args, n.args[::-1])
    )


def _is_gate(node: Node) -> bool:
    if node.op == "mul":
        return any(map(_is_gate, node.args))
    if node.op == "result" and node.args[0].op == "call":
        return node.args[0].attr("function").name in ACTIVATIONS and _varies(node)
    return node.op in ("sigmoid", "tanh", "relu") and _varies(node)


def _range(node: Node) -> str:
    body: Function = node.attr("body")
    return "global" if hull(body.outputs[0]).low is None else "local"


def _read(found: Sequence[Recurrence]) -> str:
    points = {read.pre for r in found for read in r.reads}
    return {
        frozenset({False}): "after",
        frozenset({True}): "before",
        frozenset({False, True}): "both",
    }.get(frozenset(points), "none")
