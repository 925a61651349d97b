"""The plan of one module: its flat graph as a list of steps. Backends print plans and decide
nothing.

Kernel: a recurrence in normal form. Cell: states that only a loop over tokens computes. Part: a
call or a stack of layers that becomes a module of its own. Let: a pure node. Operands come before
users.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import prod
from typing import TypeAlias

from asiarch.ir import rules
from asiarch.ir.flatten import flatten
from asiarch.ir.function import Function, StateInfo
from asiarch.ir.interpreter import Group, schedule
from asiarch.ir.node import Node, make, topological
from asiarch.ir.polynomial import Poly, build
from asiarch.ir.reads import closed, normal_reads
from asiarch.ir.recurrence import Read, Recurrence, classify
from asiarch.ir.size import Size
from asiarch.ir.steady import steady
from asiarch.ir.types import Type

FUSED = frozenset({"silu", "swish", "gelu", "l2norm", "rmsnorm", "layernorm", "rope"})
"""Definitions that backends spell as one call; every other one is inlined."""

IN_CELL = frozenset({"window", "cumulative", "whole", "call", "loop", "gather"})
"""What a token loop of a backend cannot hold."""


class Unsupported(Exception):
    """A program that no backend of this kind runs; the message says what and why."""


@dataclass(frozen=True, slots=True)
class Let:
    node: Node


@dataclass(frozen=True, slots=True)
class Kernel:
    """Gives one read of a state; the first of a state's kernels also the state after the last
    token.
    """

    recurrence: Recurrence
    chunk: int
    read: Read | None
    first: bool


@dataclass(frozen=True, slots=True)
class Cell:
    """`outside`: streams cut at the token; `outputs`: nodes of the group that others use."""

    recurrence: Recurrence
    outside: tuple[Node, ...]
    outputs: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A call or loop node that is a module (or a list of layers) of its own."""

    node: Node


Step: TypeAlias = Let | Kernel | Cell | Part


@dataclass(slots=True)
class Plan:
    """`function` is flat but for its parts; `provided` maps a read to the step that gives it."""

    function: Function
    steps: list[Step] = field(default_factory=list[Step])
    recurrences: list[Recurrence] = field(default_factory=list[Recurrence])


def make_plan(function: Function, chunk: int | None = None, *, loops: bool = False) -> Plan:
    """`loops`: every state by a loop over tokens, the form that is shortest to read."""
    sys.setrecursionlimit(max(sys.getrecursionlimit(), 12_000))
    flat = normal_reads(_carry_delays(steady(flatten(function, keep=_keep))))
    refuse(flat)
    plan = Plan(flat)
    groups = [s for s in schedule(flat) if isinstance(s, Group)]
    memo = closed(groups)
    plan.recurrences = [_dress(flat, classify(flat, g, memo)) for g in groups]
    _Order(plan, chunk, loops).run()
    return plan


def _keep(node: Node) -> bool:
    """Calls that stay: fused definitions, operators with parameters; none on a state's cycle."""
    if node.op == "loop":
        return any(has_params(f) for f in node.attr("bodies"))
    callee: Function = node.attr("function")
    if callee.polymorphic:
        named = callee.name in FUSED and (callee.name != "rope" or _turns_last(callee))
        return named or is_convolution(callee)
    return has_params(callee)


def is_convolution(callee: Function) -> bool:
    """Is it `sum[n](taps * window[n](x))`, under any name? Backends have one kernel for that."""
    result = callee.outputs[0]
    if not callee.polymorphic or result.op != "sum" or result.args[0].op != "mul":
        return False
    taps, past = result.args[0].args
    return (
        (taps.op, past.op) == ("param", "window")
        and taps.attr("path") == "taps"
        and taps.type.axes[:1] == result.attr("over") == (past.attr("axis"),)
        and past.args == callee.inputs
    )


def _turns_last(rope: Function) -> bool:
    """Does a rotation turn its value's last axis? The fused spelling does."""
    split = next(n for n in topological(rope.outputs) if n.op == "split")
    return rope.inputs[0].type.last == split.attr("axis")


def has_params(function: Function) -> bool:
    """Does the definition, or anything that it calls, hold a parameter?"""
    return bool(function.params) or any(has_params(f) for _, f in function.children())


def refuse(flat: Function) -> None:
    """Whole-sequence reductions run in a loss only."""
    for node in topological([*flat.outputs, *(s.update for s in flat.states)]):
        if node.op == "whole":
            raise Unsupported(
                f"`{node.attr('which')}[time]` reads every token of the sequence: it is in the "
                f"reference "
                "and the analyses only; a running form is `cummean[time](x)`, `cumsum[time](x)`"
            )


# -- delays on a cycle -----------------------------------------------------------------------------


def _carry_delays(flat: Function) -> Function:
    """A delay of a node of a recurrent group becomes a chain of states: a token loop holds no
    history.
    """
    groups = [s for s in schedule(flat) if isinstance(s, Group)]
    delays = [(n, g) for g in groups for n in g.nodes if n.op == "delay" and n.args[0] in g.nodes]
    if not delays:
        return flat
    states = list(flat.states)
    new: dict[Node, Node] = {}
    for node, group in delays:
        source = node.args[0]
        if node.attr("steps") < 0:
            raise Unsupported(
                f"`x[t+{-node.attr('steps')}]` on the cycle of state `{group.states[0].name}`: a "
                "loop over tokens keeps the past alone; the reference runs it"
            )
        for _ in range(node.attr("steps")):
            leaf = make("state", (), Type("seq", source.type.axes), name=f"delay.{len(states)}",
                        serial=len(states), of=flat.name)  # fmt: skip
            states.append(StateInfo(leaf.attr("name"), leaf, rules.number(0), source))
            source = leaf
        new[node] = source
    return _replaced(flat, new, states)


def _replaced(flat: Function, new: dict[Node, Node], states: Iterable[StateInfo]) -> Function:
    done: dict[Node, Node] = {}
    states = list(states)
    roots = [*flat.roots(), *(s.update for s in states), *(s.leaf for s in states)]
    for node in topological(roots):
        if node in new:
            done[node] = new[node]
            continue
        args = tuple(done[a] for a in node.args)
        done[node] = (
            node if args == node.args else make(node.op, args, node.type, **dict(node.attrs))
        )
    return flat.over(done, states)


# -- recurrences -----------------------------------------------------------------------------------


def _dress(flat: Function, found: Recurrence) -> Recurrence:
    if found.kernel:
        return found
    for node in found.group.nodes:
        if node.op in IN_CELL:
            raise Unsupported(
                f"`{node.op}` on the cycle of state `{found.states[0].name}` has no kernel in "
                f"this backend; "
                "the reference runs it"
            )
    return found


CHUNK = 64
"""Tokens of a chunk: best or near it for every class on a CPU (benchmarks/cpu_recurrence.py); a
kernel takes less when no document is as long."""


SHORT, FEW = 16, 2
"""Tokens of a chunk where a head has at most so many values, as where each is a head of its own:
what a chunk solves for its tokens, or weighs for each key, then costs more than the states that it
spares (`python benchmarks/short_chunks.py`).
"""


def chunk_of(found: Recurrence, axes: Mapping[str, Size]) -> int:
    """Tokens of a chunk where nobody asks for a number."""
    each = found.coupled is not None or any(f.erases for f in found.factors)
    each = each or found.cls.startswith("diagonal")
    few = prod(axes[a].integer or CHUNK for a in found.values) <= FEW
    return SHORT if each and few else CHUNK


def kernels_of(found: Recurrence, chunk: int) -> list[Kernel]:
    """A kernel for each read. What reads a state with an erase term along its values, or whole,
    reads one without: with y = w' R known, u y' is a write like any other.
    """
    across = tuple(r for r in found.reads if r.side != "keys")
    if not across or not any(f.erases for f in found.factors):
        reads = found.reads or (None,)
        return [Kernel(found, chunk, read, index == 0) for index, read in enumerate(reads)]
    (erase,) = found.erases
    leaf = found.states[0].leaf
    w = erase.w
    if erase.decayed and found.decay is not None:
        w = rules.pointwise("mul", w, found.decay)
    solved = Read(rules.contract(w, leaf, found.keys), w, True)
    along = tuple(r for r in found.reads if r.side == "keys")
    writes = (*found.writes, (erase.u, solved.node))
    if erase.tied:
        (k, v), *others = found.writes
        # a value may lack axes along which it is constant: the polynomial spreads it
        rest: Poly = {((v, 1),): Fraction(1), ((solved.node, 1),): Fraction(-1)}
        writes = ((k, build(rest)), *others)
    plain = replace(found, cls=found.cls.partition("+")[0], erases=(), writes=writes, reads=across)
    known = any(r.node == solved.node for r in along)  # one read has one kernel
    whole = replace(found, reads=along if known else (*along, solved))
    return [
        *kernels_of(whole, chunk),
        *(Kernel(plain, chunk, read, False) for read in across),
    ]


def _firsts(steps: list[Kernel], found: Recurrence) -> list[Kernel]:
    """The last state comes from the kernel that gives the update, where one does: that is always
    needed, and another read may be needed by nobody.
    """
    updates = {s.update for s in found.states}
    given = [s for s in steps if s.read is not None and s.read.node in updates]
    if not given:
        return steps
    return [replace(s, first=s is given[0]) for s in steps]


# -- order -----------------------------------------------------------------------------------------


class _Order:
    """Demand-driven: a step is listed once everything it needs is."""

    def __init__(self, plan: Plan, chunk: int | None, loops: bool) -> None:
        self.plan, self.chunk, self.loops = plan, chunk, loops
        self.done: set[object] = set()
        self.provider: dict[Node, Step] = {}
        for recurrence in plan.recurrences:
            self._provide(recurrence)

    def _provide(self, found: Recurrence) -> None:
        if found.kernel and self.loops:
            found = _with_reads(found)
        elif found.kernel:
            steps = _firsts(
                kernels_of(found, self.chunk or chunk_of(found, self.plan.function.axes)), found
            )
            for step in steps:
                if step.read is not None:
                    self.provider[step.read.node] = step
            for state in found.states:
                self.provider.setdefault(state.update, steps[0])
                if found.tropical is not None:
                    self.provider[state.leaf] = steps[0]
            return
        inside = {*found.group.nodes, *(s.leaf for s in found.states)}
        outside: list[Node] = []
        for node in found.group.nodes:
            outside += [a for a in node.args if a not in inside and a not in outside]
        for state in found.states:  # one that remembers another has no equation of its own
            if state.update not in inside and state.update not in outside:
                outside.append(state.update)
        used = self._used(inside, found)
        step = Cell(found, tuple(outside), tuple(used))
        for node in inside:
            self.provider[node] = step

    def _used(self, inside: set[Node], found: Recurrence) -> list[Node]:
        flat = self.plan.function
        used: list[Node] = []
        for node in topological(flat.roots()):
            if node in inside:
                continue
            used += [a for a in node.args if a in inside and a not in used]
        used += [o for o in (*flat.outputs, *flat.losses) if o in inside and o not in used]
        mine = {s.leaf for s in found.states}
        for state in flat.states:
            if state.leaf not in mine and state.update in inside and state.update not in used:
                used.append(state.update)
        return used

    def run(self) -> None:
        flat = self.plan.function
        roots = [*flat.outputs, *flat.losses, *(s.update for s in flat.states)]
        live = set(topological(roots)) | {u for s in flat.states for u in topological([s.initial])}
        live -= self._within()
        for node in flat.hints:
            if node in live:
                self.need(node)
        for root in (*flat.outputs, *flat.losses):
            self.need(root)
        for recurrence in self.plan.recurrences:
            for state in recurrence.states:
                self.need(state.update)

    def _within(self) -> set[Node]:
        """Nodes on a state's cycle that its kernel computes and gives to nobody."""
        found = [r for r in self.plan.recurrences if r.kernel and not self.loops]
        inside = {n for r in found for n in (*r.group.nodes, *(s.leaf for s in r.states))}
        return inside - set(self.provider)

    def need(self, node: Node) -> None:
        step = self.provider.get(node)
        if step is not None:
            self._need_step(step)
            return
        if node in self.done:
            return
        self.done.add(node)
        for arg in node.args:
            self.need(arg)
        if (node.op == "call" and not node.attr("function").polymorphic) or node.op == "loop":
            self.plan.steps.append(Part(node))
        else:
            self.plan.steps.append(Let(node))

    def _need_step(self, step: Step) -> None:
        if id(step) in self.done:
            return
        self.done.add(id(step))
        for node in needs(step):
            self.need(node)
        self.plan.steps.append(step)


def _with_reads(found: Recurrence) -> Recurrence:
    """The group with its reads on board, so that a loop gives them instead of whole states."""
    inside = {*found.group.nodes, *(s.leaf for s in found.states)}
    reads = tuple(
        r.node
        for r in found.reads
        if r.node.op == "contract"
        and r.node not in inside
        and not any(n in inside for n in topological([r.q]))
    )
    return replace(found, group=Group(found.group.states, found.group.nodes + reads))


def needs(step: Step) -> list[Node]:
    """What must be computed before a step."""
    match step:
        case Let(node) | Part(node):
            return list(node.args)
        case Cell():
            return [*step.outside, *(s.initial for s in step.recurrence.states)]
        case Kernel():
            found = step.recurrence
            out: list[Node] = _coupled_needs(found)
            if found.tropical is not None:
                out += [found.tropical.carry, found.tropical.other]
            for factor in found.factors:
                out += [n for pair in factor.writes for n in pair]
                for erase in factor.erases:
                    out += [erase.w] if erase.tied else [erase.u, erase.w]
                out += [factor.decay] if factor.decay is not None else []
            out += [step.read.q] if step.read is not None else []
            return [*out, *(s.initial for s in found.states)]


def _coupled_needs(found: Recurrence) -> list[Node]:
    if found.coupled is None:
        return []
    out = [n for line in found.coupled.matrix for n in line]
    for row in found.coupled.rows:
        out += [*row.keys, row.value, row.read]
    return [n for n in out if n is not None]
