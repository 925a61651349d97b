"""Costs as exact polynomials in T and sizes: parameters, work, decode work, state, activations,
depth.

Work counts what the token loop executes: one operation per entry of a pointwise node and token, two
per product of a contraction; an `attend` pays its body for every admissible pair. A callee's
polynomial is put in with the call's sizes; a loop multiplies by its bound, so a billion layers cost
nothing to check.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import Any

from asiarch.ir.function import Function
from asiarch.ir.interpreter import Frame, Group, run
from asiarch.ir.iterations import conditions, iterations
from asiarch.ir.node import Node, topological
from asiarch.ir.offsets import Hulls
from asiarch.ir.primitive import lookup
from asiarch.ir.size import Size, total

TIME = Size.symbol("T")
ZERO, ONE = Size.of(0), Size.of(1)


@dataclass(frozen=True, slots=True)
class Cost:
    """params: numbers learnt. work: operations of a forward pass over T tokens. decode: of one
    token, after T. state: numbers kept of a document between tokens. activations: numbers made over
    T tokens.
    depth: the longest chain of operations, a state counting its tokens."""

    params: Size = ZERO
    work: Size = ZERO
    decode: Size = ZERO
    state: Size = ZERO
    activations: Size = ZERO
    depth: Size = ZERO

    def __add__(self, other: Cost) -> Cost:
        return Cost(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(Cost)))

    def times(self, count: Size) -> Cost:
        return Cost(*(getattr(self, f.name) * count for f in fields(Cost)))

    def substitute(self, sizes: dict[str, Size]) -> Cost:
        return Cost(
            self.params.substitute(sizes),
            self.work.substitute(sizes),
            self.decode.substitute(sizes),
            self.state.substitute(sizes),
            self.activations.substitute(sizes),
            self.depth.substitute(sizes),
        )


NAMES = tuple(f.name for f in fields(Cost))


def _largest(a: Size, b: Size) -> Size:
    """An upper bound of two polynomials, term by term."""
    left, right = dict(a.terms), dict(b.terms)
    zero = Fraction(0)
    return Size({m: max(left.get(m, zero), right.get(m, zero)) for m in {**left, **right}})


class Sum:
    """A cost in the making: terms are added in place. `paid` counts nodes that are paid alike, by
    axes, stream or not, and the operations of an entry or of all."""

    def __init__(self) -> None:
        self.terms: dict[str, dict[Any, Any]] = {name: {} for name in NAMES}
        self.paid: dict[tuple[tuple[str, ...], bool, int | Size], int] = {}

    def add(self, **sizes: Size) -> None:
        self.add_times(1, sizes)

    def add_times(self, count: int, sizes: Mapping[str, Size]) -> None:
        for name, size in sizes.items():
            into = self.terms[name]
            for monomial, value in size.terms:
                into[monomial] = into.get(monomial, 0) + value * count

    def add_cost(self, cost: Cost) -> None:
        for name, into in self.terms.items():
            for monomial, value in getattr(cost, name).terms:
                into[monomial] = into[monomial] + value if monomial in into else value

    def get(self, name: str) -> Size:
        return Size(self.terms[name])

    def cost(self) -> Cost:
        return Cost(**{name: Size(terms) for name, terms in self.terms.items()})


class Costs:
    """The cost domain: values are None, costs gather per function."""

    def __init__(self) -> None:
        self.summaries: dict[int, tuple[Function, Cost]] = {}
        self.total = Sum()
        self.function: Function | None = None
        self.numels: dict[tuple[str, ...], Size] = {}
        self.conditions: dict[int, tuple[Function, set[Size]]] = {}
        self.hulls = Hulls()
        self.calls: dict[tuple[int, Any], tuple[Function, Cost]] = {}

    # -- gathering -------------------------------------------------------------------------------

    def numel(self, axes: tuple[str, ...]) -> Size:
        found = self.numels.get(axes)
        if found is None:
            assert self.function is not None
            found = self.numels[axes] = total([self.function.axes[a] for a in axes])
        return found

    def pay(self, node: Node, operations: int | Size) -> None:
        """Operations of an entry of a node, or of all of it: once for a Tensor, per token for a
        stream; none for a number that is known before running.
        """
        kind = node.type
        if kind.positional and kind.mode == "tensor" and not kind.axes:
            return
        key = (kind.axes, kind.mode != "tensor", operations)
        paid = self.total.paid
        paid[key] = paid.get(key, 0) + 1

    def settle(self) -> Sum:
        """The total, with what was paid in it."""
        total = self.total
        for (axes, stream, operations), count in total.paid.items():
            made = self.numel(axes)
            if not isinstance(operations, Size):
                operations = made * Size.of(operations)
            sizes = {
                "work": operations * TIME if stream else operations,
                "decode": operations,
                "activations": made * TIME if stream else made,
                "depth": ONE if operations.terms else ZERO,
            }
            total.add_times(count, sizes)
        total.paid.clear()
        return total

    def hold(self, floats: Size) -> None:
        self.total.add(state=floats)

    # -- families --------------------------------------------------------------------------------

    def leaf(self, node: Node, frame: Frame) -> None:
        return None

    def pointwise(self, node: Node, *values: Any) -> None:
        self.pay(node, lookup(node.op).flops)

    def contract(self, node: Node, *values: Any) -> None:
        over = self.numel(node.attr("over"))
        self.pay(node, self.numel(node.type.axes) * over * Size.of(2))

    def reduce(self, node: Node, x: Any) -> None:
        self.pay(node, self.numel(node.args[0].type.axes))

    def keep(self, node: Node, x: Any) -> None:
        self.pay(node, lookup(node.op).flops)

    def move(self, node: Node, *values: Any) -> None:
        self.pay(node, 0)

    def gather(self, node: Node, *values: Any) -> None:
        self.pay(node, 0)

    def ramp(self, node: Node) -> None:
        self.pay(node, 0)

    def draw(self, node: Node, *values: Any) -> None:
        return None

    def delay(self, node: Node, x: Any) -> None:
        self.pay(node, 0)
        steps = node.attr("steps")
        if steps > 0:
            self.hold(self.numel(node.type.axes) * Size.of(steps))

    def window(self, node: Node, x: Any) -> None:
        self.pay(node, 0)
        assert self.function is not None
        taps = self.function.axes[node.attr("axis")]
        self.hold(self.numel(node.args[0].type.axes) * (taps - ONE) * node.attr("dilation"))

    def cumulative(self, node: Node, x: Any) -> None:
        self.pay(node, 1)
        self.hold(self.numel(node.type.axes))

    def whole(self, node: Node, x: Any) -> None:
        self.pay(node, self.numel(node.args[0].type.axes))

    def attend(self, node: Node, *values: Any) -> None:
        body: Function = node.attr("body")
        found = self.hulls[body.outputs[0]]
        columns = found.columns
        pairs = self._body(node, body) * columns
        self.total.add(
            work=pairs * TIME,
            decode=pairs,
            activations=self.numel(node.type.axes) * TIME,
            depth=ONE,
        )
        seen: set[Node] = set()
        for leaf, arg in zip(body.inputs, node.args, strict=True):
            if leaf.op == "at" and leaf.attr("which") == "j" and arg not in seen:
                seen.add(arg)
                kept = TIME if found.near is None else found.early - found.near
                self.hold(self.numel(arg.type.axes) * kept)

    def _body(self, node: Node, body: Function) -> Size:
        """Operations of one pair of tokens, the weighted sum included."""
        out = ZERO
        for term in topological(body.outputs):
            if term.is_leaf:
                continue
            entries = self.numel(term.type.axes)
            if term.op == "contract":
                entries = entries * self.numel(term.attr("over")) * Size.of(2)
            elif lookup(term.op).kind == "reduce":
                entries = self.numel(term.args[0].type.axes)
            else:
                entries = entries * Size.of(lookup(term.op).flops)
            out = out + entries
        score = self.numel(body.outputs[1].type.axes)
        joined = tuple(dict.fromkeys(body.outputs[1].type.axes + body.outputs[2].type.axes))
        return out + score * Size.of(2) + self.numel(joined) * Size.of(2)

    # -- functions -------------------------------------------------------------------------------

    def call(self, node: Node, *values: Any) -> None:
        function, given = node.attr("function"), node.attr("sizes")
        known = self.calls.get((id(function), given))
        if known is None:
            sizes = {n: s for n, s in given if s is not Size.symbol(n)}
            known = (function, self.at(function, sizes).substitute(sizes))
            self.calls[id(function), given] = known
        self.total.add_cost(known[1])

    def result(self, node: Node, holder: Any) -> None:
        return None

    def branch(self, node: Node, *values: Any) -> None:
        arms = [self.summary(node.attr(k)) for k in ("then", "otherwise")]
        self.total.add(
            **{f.name: _largest(*(getattr(a, f.name) for a in arms)) for f in fields(Cost)}
        )

    def loop(self, node: Node, *values: Any) -> None:
        bodies, count = node.attr("bodies"), node.attr("count")
        schedule = node.attr("schedule")
        if schedule is not None:
            costs = [self.summary(f) for f in bodies]
            for index in schedule:
                self.total.add_cost(costs[index])
            return
        body, variable = bodies[0], node.attr("variable")
        tests = [c for c in conditions(body, self.conditions) if variable in c.symbols()]
        for n, times in iterations(tests, variable, count):
            cost = self.summary(body) if n is None else self.at(body, {variable: Size.of(n)})
            if variable in {s for f in fields(Cost) for s in getattr(cost, f.name).symbols()}:
                cost = cost.substitute({variable: count})
            self.total.add_cost(cost.times(times))

    def solve(self, group: Group, frame: Frame) -> None:
        """A state's cycle runs once per token, one after the other."""
        before = self.settle().get("depth")
        for state in group.states:
            frame.values[state.leaf] = None
        for node in group.nodes:
            frame.values[node] = frame.evaluate(node)
        chain = self.settle().get("depth") - before
        floats = ZERO
        for state in group.states:
            floats = floats + self.numel(state.leaf.type.axes)
        self.total.add(state=floats, depth=chain * TIME - chain)

    def at(self, function: Function, sizes: dict[str, Size]) -> Cost:
        """The cost where those of the sizes that are numbers decide branches."""
        tests = conditions(function, self.conditions)
        names = {n for c in tests for n in c.symbols()} if tests else set[str]()
        numbers = {n: s for n, s in sizes.items() if n in names and s.constant is not None}
        if not numbers:
            return self.summary(function)
        return _Decided(numbers, self).summary(function).substitute(numbers)

    def summary(self, function: Function) -> Cost:
        """The cost of one call, in the function's own names."""
        known = self.summaries.get(id(function))
        if known is not None:
            return known[1]
        saved = self.total, self.function, self.numels
        self.total, self.function, self.numels = Sum(), function, {}
        run(function, self, [None] * len(function.inputs))
        for param in function.params:
            self.total.add(params=self.numel(param.axes))
        found = self.settle().cost()
        self.total, self.function, self.numels = saved
        self.summaries[id(function)] = (function, found)
        return found


class _Decided(Costs):
    """The cost domain where some names are numbers, which decide branches."""

    def __init__(self, numbers: dict[str, Size], outer: Costs) -> None:
        super().__init__()
        self.numbers, self.outer = numbers, outer
        self.conditions, self.hulls = outer.conditions, outer.hulls

    def call(self, node: Node, *values: Any) -> None:
        sizes = {n: s.substitute(self.numbers) for n, s in node.attr("sizes")}
        cost = self.outer.at(node.attr("function"), sizes)
        self.total.add_cost(cost.substitute(sizes))

    def branch(self, node: Node, *values: Any) -> None:
        known = node.attr("condition").substitute(self.numbers).constant
        if known is None:
            super().branch(node, *values)
            return
        self.total.add_cost(self.summary(node.attr("then" if known else "otherwise")))


def cost_of(function: Function) -> Cost:
    """The costs of a function in its own names and T."""
    return Costs().summary(function)
