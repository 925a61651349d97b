"""A function: header, inputs, outputs and the table of states. A graph is a DAG plus that table.

Nothing in it is cyclic: a state's value before the token is the leaf `state`; its value after is
the node in the table. Calls and `for` are nodes that hold a function.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from asiarch.ir.node import Node, topological
from asiarch.ir.size import Size, total


@dataclass(frozen=True, slots=True)
class ParamInfo:
    """A learnt array. `path` is relative to the function; `initial` is a Tensor term over draws."""

    leaf: Node
    path: str
    axes: tuple[str, ...]
    initial: Node


@dataclass(frozen=True, slots=True)
class StateInfo:
    """`leaf` is the value after token t - 1, `update` after t, `initial` before token 0."""

    name: str
    leaf: Node
    initial: Node
    update: Node


@dataclass(frozen=True, slots=True)
class ClaimInfo:
    """`kind`: causal, lookahead, stable, work, state, params, range, unknown. `data` by kind; `at`:
    its place.
    """

    kind: str
    text: str
    data: Any = None
    at: Any = None


@dataclass(frozen=True, eq=False, slots=True)
class Function:
    """One typed definition at one binding of its header (symbols when checking, numbers when
    compiling).
    """

    name: str
    kind: str  # op | model | loop | attend | arm
    inputs: tuple[Node, ...]
    outputs: tuple[Node, ...]
    axes: dict[str, Size]
    header: dict[str, Size] = field(default_factory=dict[str, Size])
    input_names: tuple[str, ...] = ()
    params: tuple[ParamInfo, ...] = ()
    states: tuple[StateInfo, ...] = ()
    losses: tuple[Node, ...] = ()
    claims: tuple[ClaimInfo, ...] = ()
    defaults: dict[str, Size] = field(default_factory=dict[str, Size])
    # names: the last binding of each name; hints: the name that each node was first bound to
    names: dict[str, Node] = field(default_factory=dict[str, Node])
    hints: dict[Node, str] = field(default_factory=dict[Node, str])
    spans: dict[Node, Any] = field(default_factory=dict[Node, Any])
    polymorphic: bool = False
    source: Any = None
    bindings: tuple[tuple[str, str, str], ...] = ()  # (axis, bound by, value) for `show`
    # calls and loops that stayed when the rest was made flat, read or not: their parameters exist
    parts: tuple[Node, ...] = ()
    # what is derived from the fields above and asked for again and again
    memo: dict[str, Any] = field(default_factory=dict[str, Any], init=False, repr=False)

    def size(self, axis: str) -> Size:
        return self.axes[axis]

    def shape(self, axes: tuple[str, ...]) -> tuple[Size, ...]:
        return tuple(self.axes[a] for a in axes)

    def numel(self, axes: tuple[str, ...]) -> Size:
        return total(self.shape(axes))

    def roots(self) -> list[Node]:
        """Everything that must be computed: outputs, losses, state updates and initial values."""
        out = [*self.outputs, *self.losses]
        for state in self.states:
            out += [state.update, state.initial]
        return out

    def nodes(self) -> tuple[Node, ...]:
        """Every node, operands before users."""
        if "nodes" not in self.memo:
            self.memo["nodes"] = tuple(topological([*self.inputs, *self.roots()]))
        return self.memo["nodes"]

    def over(self, new: Mapping[Node, Node], states: Iterable[StateInfo] | None = None) -> Function:
        """The function with nodes replaced, its side tables with them; `states`: another table,
        in the old nodes.
        """
        table = self.states if states is None else states
        return replace(
            self,
            outputs=tuple(new.get(n, n) for n in self.outputs),
            losses=tuple(new.get(n, n) for n in self.losses),
            states=tuple(
                StateInfo(
                    s.name, s.leaf, new.get(s.initial, s.initial), new.get(s.update, s.update)
                )
                for s in table
            ),
            names={name: new.get(n, n) for name, n in self.names.items()},
            hints={new.get(n, n): h for n, h in self.hints.items()},
            spans={new.get(n, n): span for n, span in self.spans.items()},
        )

    def children(self) -> tuple[tuple[Node, Function], ...]:
        """Functions held by nodes (calls, loops, attend bodies, arms)."""
        if "children" not in self.memo:
            self.memo["children"] = tuple(self._children())
        return self.memo["children"]

    def _children(self) -> list[tuple[Node, Function]]:
        found: list[tuple[Node, Function]] = []
        for node in self.nodes():
            for key, value in node.attrs:
                if isinstance(value, Function):
                    found.append((node, value))
                elif key == "bodies":
                    found.extend((node, f) for f in value)
        return found


def sizes_of(function: Function, values: Mapping[str, int]) -> dict[str, int]:
    """Every axis as a number, given numbers for the header."""
    out: dict[str, int] = {}
    for axis, size in function.axes.items():
        number = size.evaluate(values)
        out[axis] = int(number)
    return out
