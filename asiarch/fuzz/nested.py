"""A function run call by call and layer by layer: the meaning that inlining must not change.

The reference runs on the flat graph alone. Here every call is a run of its callee on whole streams,
so that paths of parameters, the order of arguments and axes under other names are found again
without `flatten`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from asiarch.ir.domains.arrays import Arrays
from asiarch.ir.function import Function
from asiarch.ir.interpreter import Frame, Group, run
from asiarch.ir.node import Node
from asiarch.ir.primitive import lookup
from asiarch.ir.settle import reads_states


class NotNested(Exception):
    """Only the flat graph has this meaning; the text says which."""


@dataclass(slots=True)
class Nested(Arrays):
    """`path` is put before the paths of parameters. `token`: calls run for one token."""

    path: str = ""
    token: bool = False

    def leaf(self, node: Node, frame: Frame) -> Any:
        if node.op == "param":
            return self.params[self._joined(node.attr("path"))]
        return Arrays.leaf(self, node, frame)

    def _joined(self, path: str) -> str:
        return f"{self.path}.{path}" if self.path else path

    def call(self, node: Node, *values: Any) -> list[Any]:
        return self._run(node.attr("function"), self._joined(node.attr("path")), list(values))

    def result(self, node: Node, holder: list[Any]) -> Any:
        return holder[node.attr("index")]

    def loop(self, node: Node, *values: Any) -> list[Any]:
        """Iteration n has the parameters `path.n`; captured values follow the carried ones."""
        bodies, schedule = node.attr("bodies"), node.attr("schedule")
        carried, now = node.attr("carried"), list(values)
        for n in range(self.number(node.attr("count"))):
            body: Function = bodies[0 if schedule is None else schedule[n]]
            path = self._joined(f"{node.attr('path')}.{n}")
            now[:carried] = self._run(body, path, now[: len(body.inputs)])
        return now[:carried]

    def _run(self, function: Function, path: str, values: list[Any]) -> list[Any]:
        time = 1 if self.token else self.time
        inner = Nested(self.algebra, function, self.params, self.batch, time, path)
        frame = run(function, inner, values)
        return [frame.values[o] for o in function.outputs]

    def attend(self, node: Node, *values: Any) -> Any:
        if reads_states(node):
            raise NotNested("an `attend` that reads a state")
        return Arrays.attend(self, node, *values)

    def solve(self, group: Group, frame: Frame) -> None:
        """Calls on a cycle run token by token, which only those without time can."""
        for node in group.nodes:
            if node.op in ("call", "loop") and not all(map(_timeless, _held(node))):
                raise NotNested("a call with a past on the cycle of a state")
        self.token = True
        Arrays.solve(self, group, frame)
        self.token = False


def _held(node: Node) -> tuple[Function, ...]:
    return node.attr("bodies") if node.op == "loop" else (node.attr("function"),)


def _timeless(function: Function) -> bool:
    inner = [f for _, f in function.children()]
    kinds = all(n.op != "position" and lookup(n.op).kind != "time" for n in function.nodes()
                if not n.is_leaf or n.op == "position")  # fmt: skip
    return kinds and not function.states and all(map(_timeless, inner))
