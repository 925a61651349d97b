"""Taint: which input tokens each token of each value really reads, on a flat concrete function.

A fact is one bit mask per token (bit `input * time + token`), a Tensor's the same for all. It
follows structure, not values: `0 * x` reads x. Conditions of `attend` are decided by their numbers,
so taint is measured where the grade is proved, and must lie inside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import or_
from typing import Any, TypeAlias

import numpy as np

from asiarch.ir.function import Function
from asiarch.ir.interpreter import Frame, Group, run
from asiarch.ir.node import Node, topological
from asiarch.ir.primitive import lookup

Masks: TypeAlias = list[int | None]
"""One mask per token; None where a recurrent group has not come yet."""


class Taint:
    """The taint domain for rows of `time` tokens."""

    def __init__(self, function: Function, time: int) -> None:
        self.function, self.time = function, time
        self.admitted: dict[Node, list[list[int]]] = {}

    def leaf(self, node: Node, frame: Frame) -> Masks:
        return [0] * self.time

    def input(self, index: int) -> Masks:
        if not self.function.inputs[index].type.stream:
            return [0] * self.time
        return [1 << (index * self.time + t) for t in range(self.time)]

    # -- families --------------------------------------------------------------------------------

    def transfer(self, node: Node, *values: Masks) -> Masks:
        return [self.token(node, values, t) for t in range(self.time)]

    def ramp(self, node: Node) -> Masks:
        return [0] * self.time

    pointwise = contract = reduce = keep = move = gather = draw = transfer
    delay = window = cumulative = whole = attend = transfer

    def token(self, node: Node, values: Sequence[Masks], t: int) -> int:
        """The mask of one token, given those of the operands."""
        match node.op:
            case "delay":
                return self._at(values[0], t - node.attr("steps"))
            case "window":
                taps = self.function.axes[node.attr("axis")].integer or 0
                dilation = node.attr("dilation").integer
                return _union(self._at(values[0], t - i * dilation) for i in range(taps))
            case "cumulative":
                return _union(self._at(values[0], s) for s in range(t + 1))
            case "whole":
                return _union(self._at(values[0], s) for s in range(self.time))
            case "attend":
                return self._attend(node, values, t)
            case _:
                return _union(self._at(v, t) for v in values)

    def _at(self, value: Masks, t: int) -> int:
        return (value[t] or 0) if 0 <= t < self.time else 0

    def _attend(self, node: Node, values: Sequence[Masks], t: int) -> int:
        body: Function = node.attr("body")
        if node not in self.admitted:
            rows = admitted(body, self.time)
            self.admitted[node] = [np.flatnonzero(row).tolist() for row in rows]
        mask = 0
        for leaf, value in zip(body.inputs, values, strict=True):
            if leaf.op == "at" and leaf.attr("which") == "j":
                mask |= _union(self._at(value, j) for j in self.admitted[node][t])
            else:
                mask |= self._at(value, t)
        return mask

    # -- states ----------------------------------------------------------------------------------

    def solve(self, group: Group, frame: Frame) -> None:
        values = frame.values
        for node in group.nodes:
            values[node] = [None] * self.time
        for state in group.states:
            values[state.leaf] = list(values[state.initial][:1]) + [None] * (self.time - 1)
        for t in range(self.time):
            for node in group.nodes:
                values[node][t] = self.token(node, [values[a] for a in node.args], t)
            for state in group.states:
                if t + 1 < self.time:
                    values[state.leaf][t + 1] = values[state.update][t]


def _union(masks: Any) -> int:
    return reduce(or_, masks, 0)


def admitted(body: Function, time: int) -> Any:
    """Where an `attend` condition holds: truth values `[t, j]`."""
    values: dict[Node, Any] = {}
    places = {"t": np.arange(float(time))[:, None], "j": np.arange(float(time))[None]}
    for node in topological([body.outputs[0]]):
        match node.op:
            case "position":
                values[node] = places[node.attr("which")]
            case "size":
                values[node] = np.float64(float(node.attr("value").constant))
            case "const":
                values[node] = np.float64(node.attr("value"))
            case _:
                rule = lookup(node.op).float64
                assert rule is not None
                with np.errstate(all="ignore"):
                    values[node] = rule(np, *(values[a] for a in node.args))
    return np.broadcast_to(values[body.outputs[0]] != 0, (time, time))


def taint(function: Function, time: int) -> Frame:
    """A run with the masks of every node."""
    domain = Taint(function, time)
    return run(function, domain, [domain.input(i) for i in range(len(function.inputs))])


def offsets_read(function: Function, time: int) -> dict[tuple[int, int], set[int]]:
    """Offsets (token read - token) by (output, input)."""
    return offsets_of(taint(function, time))


def offsets_of(frame: Frame) -> dict[tuple[int, int], set[int]]:
    """The same of a run that was made."""
    function, time = frame.function, frame.domain.time
    found: dict[tuple[int, int], set[int]] = {}
    for index, output in enumerate(function.outputs):
        for t, mask in enumerate(frame.values[output]):
            for bit in range(len(function.inputs) * time):
                if mask >> bit & 1:
                    which, token = divmod(bit, time)
                    found.setdefault((index, which), set()).add(token - t)
    return found
