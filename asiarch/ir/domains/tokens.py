"""The loop over tokens of one recurrent group: the meaning of a state."""

from __future__ import annotations

from typing import Any

import numpy as np

from asiarch.ir.domains.arrays import Arrays, attend
from asiarch.ir.function import StateInfo
from asiarch.ir.interpreter import Frame, Group
from asiarch.ir.node import Node
from asiarch.ir.primitive import registry


def solve_tokens(domain: Arrays, group: Group, frame: Frame) -> None:
    """Fill the frame with the streams of every node of the group, and of the states before each
    token.
    """
    Tokens(domain, group, frame).run()


class Tokens:
    """History arrays grow by one token at a time; outside values are cut at the token."""

    def __init__(self, domain: Arrays, group: Group, frame: Frame) -> None:
        self.domain, self.group, self.frame = domain, group, frame
        self.leaves = {s.leaf for s in group.states}
        self.inside = {*group.nodes, *self.leaves}
        self.history: dict[Node, list[Any]] = {n: [] for n in self.inside}

    def run(self) -> None:
        algebra, domain = self.domain.algebra, self.domain
        current: dict[Node, Any] = {}
        for state in self.group.states:
            start = self.frame.values[state.initial]
            shape = [domain.size(a) for a in state.leaf.type.axes]
            kinds = (state.initial.type, state.leaf.type.axes)
            current[state.leaf] = algebra.start(start, *kinds, (domain.batch, 1, *shape))
        for t in range(domain.time):
            values = dict(current)
            for node in self.group.nodes:
                values[node] = self._evaluate(node, values, t)
            for node in self.inside:
                self.history[node].append(values[node])
            current = {s.leaf: self._after(s, values, t) for s in self.group.states}
        for node in self.inside:
            self.frame.values[node] = self._joined(node, domain.time)

    def _after(self, state: StateInfo, values: dict[Node, Any], t: int) -> Any:
        """The state after token t; its update may stand outside of the group."""
        domain, update = self.domain, state.update
        if update in self.inside:
            return domain.algebra.spread(values[update], domain.batch)
        full = domain.full(update.type, self.frame.values[update])
        return domain.algebra.token(full, len(update.type.axes), t)

    def _joined(self, node: Node, time: int) -> Any:
        domain = self.domain
        if time == 0:
            shape = [domain.size(a) for a in node.type.axes]
            return domain.algebra.zeros((domain.batch, 0, *shape))
        past = self.history[node][:time]
        if isinstance(past[0], list):  # a call that is run by itself: a value for each result
            return [self._in_time(list(result)) for result in zip(*past, strict=True)]
        return self._in_time(past)

    def _in_time(self, past: list[Any]) -> Any:
        algebra = self.domain.algebra
        return algebra.concatenate([algebra.spread(v, self.domain.batch) for v in past])

    def _operand(self, node: Node, values: dict[Node, Any], t: int) -> Any:
        if node in self.inside:
            return values[node]
        value = self.frame.values[node]
        return self._cut(node, value, t)

    def _cut(self, node: Node, value: Any, t: int) -> Any:
        if not node.type.stream:
            return value
        return self.domain.algebra.token(value, len(node.type.axes), t)

    def _evaluate(self, node: Node, values: dict[Node, Any], t: int) -> Any:
        match node.op:
            case "delay":
                return self._past(node.args[0], values, t, node.attr("steps"))
            case "window":
                return self._window(node, values, t)
            case "cumulative":
                return self._cumulative(node, values, t)
            case "attend":
                return self._attend(node, values, t)
            case "whole":
                raise ValueError("a reduction over the whole sequence cannot feed a state")
            case _:
                evaluate = registry()[node.op].evaluate
                assert evaluate is not None
                operands = [self._operand(a, values, t) for a in node.args]
                return evaluate(self.domain, node, *operands)

    def _past(self, node: Node, values: dict[Node, Any], t: int, steps: int) -> Any:
        domain, place = self.domain, t - steps
        if place < 0:
            shape = [domain.size(a) for a in node.type.axes]
            return domain.algebra.zeros((domain.batch, 1, *shape))
        if node not in self.inside:
            return self._cut(node, domain.full(node.type, self.frame.values[node]), place)
        return values[node] if place == t else self.history[node][place]

    def _window(self, node: Node, values: dict[Node, Any], t: int) -> Any:
        domain = self.domain
        n, dilation = domain.size(node.attr("axis")), domain.number(node.attr("dilation"))
        past = [
            domain.algebra.spread(
                self._past(node.args[0], values, t, (n - 1 - i) * dilation), domain.batch
            )
            for i in range(n)
        ]
        return domain.algebra.stack(past)

    def _cumulative(self, node: Node, values: dict[Node, Any], t: int) -> Any:
        now = self._operand(node.args[0], values, t)
        if t == 0:
            return now
        both = self.domain.algebra.concatenate(
            [
                self.domain.algebra.spread(self.history[node][t - 1], self.domain.batch),
                self.domain.algebra.spread(now, self.domain.batch),
            ]
        )
        total = self.domain.algebra.cumulative(node.attr("which"), both)
        return self.domain.algebra.token(total, len(node.type.axes), 1)

    def _attend(self, node: Node, values: dict[Node, Any], t: int) -> Any:
        """A state is read at j < t: its value after t is not known yet."""
        domain = self.domain
        operands: list[Any] = []
        inputs = node.attr("body").inputs
        strict = any(leaf.attr("state") and leaf.attr("which") == "j" for leaf in inputs)
        count = t if strict else t + 1
        for arg, leaf in zip(node.args, inputs, strict=True):
            if leaf.op == "at" and leaf.attr("which") == "j":
                operands.append(self._columns(arg, leaf, values, count))
            else:
                operands.append(self._operand(arg, values, t))
        if count == 0:
            shape = [domain.size(a) for a in node.type.axes]
            return domain.algebra.zeros((domain.batch, 1, *shape))
        return attend(domain, node, operands, np.arange(t, t + 1), np.arange(count))

    def _columns(self, node: Node, leaf: Node, values: dict[Node, Any], count: int) -> Any:
        domain = self.domain
        if node not in self.inside:
            full = domain.full(node.type, self.frame.values[node])
            return domain.algebra.move(lambda a: a[:, :count], full)
        history = self.history[node]
        history = [*history, values[node]]
        if leaf.attr("state") and node in self.leaves:
            history = history[1:]
        return domain.algebra.concatenate(
            [domain.algebra.spread(h, domain.batch) for h in history[:count]]
        ) if count else domain.algebra.zeros((domain.batch, 0))  # fmt: skip
