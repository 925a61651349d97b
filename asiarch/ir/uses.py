"""What the rest of a program reads of a group of states: contractions along axes, or all of it."""

from __future__ import annotations

from dataclasses import dataclass

from asiarch.ir import polynomial as P
from asiarch.ir import rules
from asiarch.ir.domains.affine import Value
from asiarch.ir.function import Function, StateInfo
from asiarch.ir.interpreter import Group
from asiarch.ir.node import Node, topological


@dataclass(frozen=True, slots=True)
class Use:
    """`node` is the contraction of q over `over` with the state after (or before: `pre`) the
    token. `target` is what the node takes from the state's cycle; `over` () takes it whole.
    """

    node: Node
    q: Node
    over: tuple[str, ...]
    pre: bool
    target: Node
    state: int = 0

    def whole(self) -> Use:
        """The same with the contraction left to whoever reads the state."""
        return Use(self.target, rules.number(1), (), self.pre, self.target, self.state)


def uses(
    function: Function, group: Group, values: dict[Node, Value | None]
) -> tuple[list[Use], str]:
    """Every use of the group outside of it; a note where one is no read of a state."""
    leaves = {s.leaf: n for n, s in enumerate(group.states)}
    inside = {*group.nodes, *leaves}
    ends = {s.update: n for n, s in enumerate(group.states)} | leaves
    found: dict[Node, Use] = {}
    for node in topological(function.roots()):
        if node in inside:
            continue
        touched = [a for a in node.args if a in inside]
        if not touched:
            continue
        use = _contraction(node, touched, group.states)
        if use is not None:
            found[node] = use
            continue
        for target in touched:
            whole = _whole(target, ends, leaves, values)
            terms = [whole] if whole is not None else _reads(target, inside, leaves, values)
            if not terms:
                return [], f"`{node.op}` reads a term of the update"
            found |= {term.node: term for term in terms}
    for node in {*function.outputs, *function.losses} & inside:
        if node in ends:
            found[node] = Use(node, rules.number(1), (), node in leaves, node, ends[node])
            continue
        terms = _reads(node, inside, leaves, values)
        if not terms:
            return [], "a term of the update is a result"
        found |= {term.node: term for term in terms}
    if any(s.update in inside for s in function.states if s.leaf not in leaves):
        return [], "another state starts from a term of the update"
    return list(found.values()), ""


def _contraction(
    node: Node,
    touched: list[Node],
    states: tuple[StateInfo, ...],
) -> Use | None:
    """A contraction of a state, old or new, with what does not depend on it. Its factors are
    outside of it by now.
    """
    if len(touched) != 1 or node.op != "contract":
        return None
    target = touched[0]
    query = node.args[1] if node.args[0] is target else node.args[0]
    over = tuple(sorted(node.attr("over")))
    for n, state in enumerate(states):
        if target in (state.leaf, state.update):
            use = Use(node, query, over, target is state.leaf, target, n)
            return None if _maps(query, state) else use
    return None


def _whole(
    target: Node, ends: dict[Node, int], leaves: dict[Node, int], values: dict[Node, Value | None]
) -> Use | None:
    """The state itself, or a contraction with it that stands on its cycle."""
    if target in ends:
        return Use(target, rules.number(1), (), target in leaves, target, ends[target])
    return _read(target, leaves, values)


def _reads(
    target: Node, inside: set[Node], leaves: dict[Node, int], values: dict[Node, Value | None]
) -> list[Use]:
    """The contractions of which something on the cycle is made, as `v - k @ S[t-1]` is, and with
    what is outside of it; none where it takes more of the state than these.
    """
    found: list[Use] = []
    waiting, seen = [target], set[Node]()
    while waiting:
        node = waiting.pop()
        if node not in inside or node in seen:
            continue
        seen.add(node)
        read = _read(node, leaves, values)
        if read is not None:
            found.append(read)
        elif node in leaves:
            return []
        else:
            waiting += node.args
    return found


def _read(target: Node, leaves: dict[Node, int], values: dict[Node, Value | None]) -> Use | None:
    value = values.get(target)
    if value is not None and len(value) == 1:
        ((term, coefficient),) = value.items()
        if term.leaf in leaves and term.over:
            monomial = P.factors(term.weight, term.scale)
            query = P.build({monomial: coefficient})
            return Use(target, query, term.over, True, term.leaf, leaves[term.leaf])
    return None


def _maps(query: Node, state: StateInfo) -> bool:
    """Is it a learnt map of the state to new axes? Then the state is read whole, mapped after."""
    return not query.type.stream and not set(query.type.axes) <= set(state.leaf.type.axes)
