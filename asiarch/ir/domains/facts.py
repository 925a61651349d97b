"""What the abstract domains share: calls by running the callee, loops by iterating to a fixed
point.

A fact domain runs on the hierarchical function. Subclasses give leaves, transfer and join; this
file knows how facts pass through calls, loops, branches and states.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, TypeAlias

from asiarch.ir.function import Function
from asiarch.ir.interpreter import Frame, Group, run
from asiarch.ir.node import Node
from asiarch.ir.offsets import lower

ITERATE = 3  # rounds that are joined exactly before a chain is widened

Step: TypeAlias = Callable[[list[Any]], list[Any]]
"""One round: the facts after an iteration, or of the states after a token, from those before."""


class Facts(ABC):
    """One fact per node."""

    # -- what an analysis says -------------------------------------------------------------------

    @abstractmethod
    def leaf(self, node: Node, frame: Frame) -> Any: ...

    @abstractmethod
    def transfer(self, node: Node, *values: Any) -> Any:
        """The fact of a node that is no time operator."""
        ...

    @abstractmethod
    def join(self, a: Any, b: Any) -> Any: ...

    @abstractmethod
    def widen(self, facts: list[Any], inputs: list[Any], step: Step) -> list[Any]:
        """Facts no smaller that a step does not enlarge; `inputs` are what it reads besides."""
        ...

    @abstractmethod
    def bottom(self, node: Node) -> Any:
        """Where a state starts from before the first pass."""
        ...

    @abstractmethod
    def carry(self, value: Any, initial: Any) -> Any:
        """The fact of a state before the token, from the fact after the token before."""
        ...

    # -- families --------------------------------------------------------------------------------

    def pointwise(self, node: Node, *values: Any) -> Any:
        return self.transfer(node, *values)

    def contract(self, node: Node, *values: Any) -> Any:
        return self.transfer(node, *values)

    def reduce(self, node: Node, x: Any) -> Any:
        return self.transfer(node, x)

    def keep(self, node: Node, x: Any) -> Any:
        return self.transfer(node, x)

    def move(self, node: Node, *values: Any) -> Any:
        return self.transfer(node, *values)

    def gather(self, node: Node, *values: Any) -> Any:
        return self.transfer(node, *values)

    def ramp(self, node: Node) -> Any:
        return self.transfer(node)

    def draw(self, node: Node, *values: Any) -> Any:
        return self.transfer(node, *values)

    def delay(self, node: Node, x: Any) -> Any:
        return self.transfer(node, x)

    def window(self, node: Node, x: Any) -> Any:
        return self.transfer(node, x)

    def cumulative(self, node: Node, x: Any) -> Any:
        return self.transfer(node, x)

    def whole(self, node: Node, x: Any) -> Any:
        return self.transfer(node, x)

    def attend(self, node: Node, *values: Any) -> Any:
        return self.transfer(node, *values)

    # -- functions -------------------------------------------------------------------------------

    def results(self, function: Function, values: list[Any]) -> list[Any]:
        """The facts of a function's outputs at given facts of its inputs."""
        frame = run(function, self, values)
        return [frame.values[o] for o in function.outputs]

    def call(self, node: Node, *values: Any) -> list[Any]:
        return self.results(node.attr("function"), list(values))

    def result(self, node: Node, holder: list[Any]) -> Any:
        return holder[node.attr("index")]

    def branch(self, node: Node, *values: Any) -> list[Any]:
        arms = [node.attr("then"), node.attr("otherwise")]
        both = [self.results(f, list(values[: len(f.inputs)])) for f in arms]
        return [self.join(a, b) for a, b in zip(*both, strict=True)]

    def loop(self, node: Node, *values: Any) -> list[Any]:
        """A few iterations one by one; else one iteration after any number of them."""
        carried, bodies = node.attr("carried"), node.attr("bodies")
        count = node.attr("count").integer
        start, captured = list(values[:carried]), list(values[carried:])

        def step(now: list[Any]) -> list[Any]:
            return self._iteration(bodies, [*now, *captured])

        if count is not None and count <= ITERATE:
            for _ in range(count):
                start = step(start)
            return start
        after = step(self._invariant(start, captured, step))
        some = count is not None or lower(node.attr("count")) >= 1
        return after if some else [self.join(a, b) for a, b in zip(start, after, strict=True)]

    def _invariant(self, facts: list[Any], inputs: list[Any], step: Step) -> list[Any]:
        """Facts at least as large as the given ones that a step does not enlarge."""
        for _ in range(ITERATE):
            after = [self.join(a, b) for a, b in zip(facts, step(facts), strict=True)]
            if after == facts:
                return facts
            facts = after
        return self.widen(facts, inputs, step)

    def _iteration(self, bodies: tuple[Function, ...], values: list[Any]) -> list[Any]:
        outputs = [self.results(f, values[: len(f.inputs)]) for f in bodies]
        out = outputs[0]
        for other in outputs[1:]:
            out = [self.join(a, b) for a, b in zip(out, other, strict=True)]
        return out

    def solve(self, group: Group, frame: Frame) -> None:
        """A fixed point over the states of a group."""
        inside = {*group.nodes, *(s.leaf for s in group.states)}
        initial = [frame.values[s.initial] for s in group.states]
        outside = {a for n in group.nodes for a in n.args if a not in inside}
        inputs = [frame.values[a] for a in outside]

        last: list[Any] = []  # what the frame holds the facts of

        def step(facts: list[Any]) -> list[Any]:
            nonlocal last
            last = facts
            for state, fact, start in zip(group.states, facts, initial, strict=True):
                frame.values[state.leaf] = self.carry(fact, start)
            for node in group.nodes:
                frame.values[node] = frame.evaluate(node)
            return [frame.values[s.update] for s in group.states]

        bottoms = [self.bottom(s.leaf) for s in group.states]
        found = self._invariant(bottoms, [*initial, *inputs], step)
        if found is not last:
            step(found)
