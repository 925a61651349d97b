"""ONE interpreter: `run(function, domain, arguments)`. Every meaning and every analysis is a
domain.

A domain says what a leaf is, what the families of primitives do, and how a group of states that
read each other is solved: by a loop over tokens (arrays), or by a least fixed point (facts).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from asiarch.ir.function import Function, StateInfo
from asiarch.ir.node import LEAVES, Node
from asiarch.ir.primitive import registry


class Domain(Protocol):
    """What the interpreter asks. Families are called through each primitive's `evaluate`."""

    def leaf(self, node: Node, frame: Frame) -> Any: ...

    def solve(self, group: Group, frame: Frame) -> None:
        """Fill `frame.values` for the nodes of a recurrent group."""
        ...


@dataclass(slots=True)
class Frame:
    """One run of one function: values by node."""

    function: Function
    domain: Any
    values: dict[Node, Any] = field(default_factory=dict[Node, Any])
    path: str = ""
    sizes: Any = None

    def evaluate(self, node: Node) -> Any:
        """The value of one node whose operands have theirs."""
        if node.op in LEAVES:
            return self.domain.leaf(node, self)
        evaluate = registry()[node.op].evaluate
        assert evaluate is not None, node.op
        values = self.values
        return evaluate(self.domain, node, *[values[a] for a in node.args])


@dataclass(frozen=True, slots=True)
class Group:
    """States that depend on each other, and the nodes on their cycles in order of evaluation."""

    states: tuple[StateInfo, ...]
    nodes: tuple[Node, ...]


def run(function: Function, domain: Any, arguments: Sequence[Any], **frame: Any) -> Frame:
    """Evaluate a function in a domain; returns the frame with every node's value."""
    made = Frame(function, domain, **frame)
    for leaf, value in zip(function.inputs, arguments, strict=True):
        made.values[leaf] = value
    begin: Callable[[Frame], None] | None = getattr(domain, "begin", None)
    if begin is not None:
        begin(made)
    values, primitives = made.values, registry()
    for step in schedule(function):
        if isinstance(step, Group):
            domain.solve(step, made)
        elif step not in values:
            if step.op in LEAVES:
                values[step] = domain.leaf(step, made)
                continue
            evaluate = primitives[step.op].evaluate
            assert evaluate is not None, step.op
            values[step] = evaluate(domain, step, *[values[a] for a in step.args])
    return made


def schedule(function: Function) -> tuple[Node | Group, ...]:
    """Nodes and recurrent groups in order: strongly connected components of the graph with state
    edges.
    """
    if "schedule" not in function.memo:
        function.memo["schedule"] = tuple(_schedule(function))
    return function.memo["schedule"]


def _schedule(function: Function) -> list[Node | Group]:
    if not function.states:
        return list(function.nodes())
    by_leaf = {s.leaf: s for s in function.states}

    def successors(node: Node) -> tuple[Node, ...]:
        state = by_leaf.get(node)
        return (state.initial, state.update) if state else node.args

    out: list[Node | Group] = []
    roots = [*function.inputs, *function.roots(), *by_leaf]
    for component in _components(roots, successors):
        states = tuple(s for s in function.states if s.leaf in component)
        if states:
            inside = set(component)
            order = [n for n in _ordered(component, inside) if n not in by_leaf]
            out.append(Group(states, tuple(order)))
        else:
            out.extend(component)
    return out


def _ordered(component: Sequence[Node], inside: set[Node]) -> list[Node]:
    """Operands before users within a component; state leaves cut the cycles."""
    order: list[Node] = []
    done: set[Node] = set()
    for root in component:
        stack: list[tuple[Node, bool]] = [(root, False)]
        while stack:
            node, ready = stack.pop()
            if ready:
                order.append(node)
                continue
            if node in done:
                continue
            done.add(node)
            stack.append((node, True))
            stack.extend((a, False) for a in node.args if a in inside and a not in done)
    return order


def _components(
    roots: Sequence[Node], successors: Callable[[Node], tuple[Node, ...]]
) -> list[list[Node]]:
    """Tarjan's strongly connected components without recursion, dependencies first."""
    index: dict[Node, int] = {}
    low: dict[Node, int] = {}
    on_stack: set[Node] = set()
    stack: list[Node] = []
    out: list[list[Node]] = []
    for root in roots:
        work: list[tuple[Node, Iterator[Node]]] = []
        new = None if root in index else root
        while new is not None or work:
            if new is not None:
                index[new] = low[new] = len(index)
                stack.append(new)
                on_stack.add(new)
                work.append((new, iter(successors(new))))
            node, rest = work[-1]
            new = None
            for child in rest:
                if child not in index:
                    new = child
                    break
                if child in on_stack and index[child] < low[node]:
                    low[node] = index[child]
            if new is not None:
                continue
            work.pop()
            if work and low[node] < low[work[-1][0]]:
                low[work[-1][0]] = low[node]
            if low[node] == index[node]:
                at = stack.index(node) if stack[-1] is not node else len(stack) - 1
                component = stack[at:]
                component.reverse()
                del stack[at:]
                on_stack.difference_update(component)
                out.append(component)
    return out
