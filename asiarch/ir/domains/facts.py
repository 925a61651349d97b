"""What the abstract domains share: calls by running the callee, loops by iterating to a fixed
point.

A fact domain runs on the hierarchical function. Subclasses give leaves, transfer and join; this
file knows how facts pass through calls, loops, branches and states.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from asiarch.ir.function import Function
from asiarch.ir.interpreter import Frame, Group, run
from asiarch.ir.node import Node

ITERATE = 3


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
    def widen(self, old: Any, new: Any) -> Any:
        """An upper bound of a chain that did not settle."""
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
        """The join over iterations: iterate a few times, then widen what still moves."""
        carried, bodies = node.attr("carried"), node.attr("bodies")
        count = node.attr("count").integer
        now = list(values)
        for n in range(ITERATE + 2):
            if count is not None and n >= count:
                return now[:carried]
            after = self._iteration(bodies, now)
            joined = [self.join(a, b) for a, b in zip(now[:carried], after, strict=True)]
            if joined == now[:carried] and n > 0:
                return after
            if n >= ITERATE:
                joined = [self.widen(a, b) for a, b in zip(now[:carried], joined, strict=True)]
            now = [*(joined if n >= ITERATE else after), *values[carried:]]
        return self._iteration(bodies, now)

    def _iteration(self, bodies: tuple[Function, ...], values: list[Any]) -> list[Any]:
        outputs = [self.results(f, values[: len(f.inputs)]) for f in bodies]
        out = outputs[0]
        for other in outputs[1:]:
            out = [self.join(a, b) for a, b in zip(out, other, strict=True)]
        return out

    def solve(self, group: Group, frame: Frame) -> None:
        """Least fixed point over the states of a group."""
        facts = {s.leaf: self.bottom(s.leaf) for s in group.states}
        initial = {s.leaf: frame.values[s.initial] for s in group.states}
        for n in range(ITERATE + 3):
            for state in group.states:
                frame.values[state.leaf] = self.carry(facts[state.leaf], initial[state.leaf])
            for node in group.nodes:
                frame.values[node] = frame.evaluate(node)
            after = {s.leaf: self.join(facts[s.leaf], frame.values[s.update]) for s in group.states}
            if after == facts:
                return
            if n >= ITERATE:
                after = {leaf: self.widen(facts[leaf], value) for leaf, value in after.items()}
            facts = after
