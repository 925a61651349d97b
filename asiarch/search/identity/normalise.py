"""From a definition to forms: calls inlined, decided loops unrolled, algebra done.

What is known to be equal gets one form: sums and products in any order or grouping, a contraction
as a sum of products, `a / b` and `a * (1 / b)`, `a < b` and `b > a`, De Morgan, `max` and `min`,
delays of delays, a delay of a product, a pick from a stack. Dead code never gets one. Differences
of rounding are not looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from asiarch.ir.function import Function, ParamInfo, StateInfo
from asiarch.ir.node import Node, topological
from asiarch.ir.size import Size, opaque_parts
from asiarch.search.identity.forms import Axis, Forms, Poly, constant, scaled, whole

ROUNDS = 6
"""Defaults of defaults: as deep as a header goes."""
POWERS = range(1, 5)
SYMMETRIC = frozenset({"max", "equal"})


@dataclass(slots=True)
class Found:
    """What lies in a definition or a call. `states`: leaf -> (value at first, update)."""

    states: dict[int, tuple[int, int]] = field(default_factory=dict[int, tuple[int, int]])
    losses: list[int] = field(default_factory=list[int])

    def take(self, other: Found) -> None:
        self.states |= other.states
        self.losses += other.losses


@dataclass(slots=True)
class Scope:
    """One inlined function: its axes in the names of the top, its sizes, its place. `results` and
    `found` are of its calls and blocks, `params` by what a parameter's form depends on; `sized` are
    sizes with those of the scope put in.
    """

    axes: Mapping[str, str]
    sizes: Mapping[str, Size]
    path: str
    values: dict[Node, Poly] = field(default_factory=dict[Node, Poly])
    results: dict[Node, list[Poly]] = field(default_factory=dict[Node, "list[Poly]"])
    found: dict[Node, Found] = field(default_factory=dict[Node, "Found"])
    sized: dict[Size, Size] = field(default_factory=dict[Size, Size])
    params: dict[tuple[Node, Node, str], Poly] = field(
        default_factory=dict[tuple[Node, Node, str], "Poly"]
    )


@dataclass(slots=True)
class Normaliser:
    """Definitions of one header at one choice of sizes: what they share is normalised once.

    axes: sizes of axes by their names here. first: what `labels` keeps of forms under these.
    """

    forms: Forms
    sizes: Mapping[str, Size]
    axes: dict[str, Size] = field(default_factory=dict[str, Size])
    scope: Scope = field(init=False)
    pure: dict[tuple[Any, ...], tuple[Function, list[Poly]]] = field(
        default_factory=dict[tuple[Any, ...], "tuple[Function, list[Poly]]"]
    )
    first: dict[int, Any] = field(default_factory=dict[int, Any])

    def __post_init__(self) -> None:
        self.scope = Scope({}, self.sizes, "")

    def fits(self, function: Function) -> bool:
        """Has every axis, parameter and state of a definition the meaning that its name has here?
        What was normalised before stands for the same then. The first one gives the meanings.
        """
        scope = self.scope
        sizes = {axis: self.size(size, scope) for axis, size in function.axes.items()}
        if any(self.axes.get(axis, size) != size for axis, size in sizes.items()):
            return False
        self.axes.update(sizes)  # what parameters start at may sum over them
        known = scope.values
        if any(p.leaf in known and known[p.leaf] != self._param(p, scope) for p in function.params):
            return False
        states = self._states(function, scope)[0]
        return all(known.get(leaf, value) == value for leaf, value in states.items())

    def top(self, function: Function) -> tuple[list[int], Found]:
        """Forms of the results, and what lies in a definition that fits."""
        self.scope.axes = {a: a for a in function.axes}
        inputs = [
            self.forms.atom("input", attrs=(i,), axes=frozenset(leaf.type.axes),
                            stream=leaf.type.stream)
            for i, leaf in enumerate(function.inputs)
        ]  # fmt: skip
        outputs, found = self.inline(function, inputs, self.scope)
        return [self.forms.number(p) for p in outputs], found

    def _param(self, param: ParamInfo, scope: Scope) -> Poly:
        key = (param.leaf, param.initial, param.path)
        if key not in scope.params:
            scope.params[key] = self._fresh(param, scope)
        return scope.params[key]

    def _fresh(self, param: ParamInfo, scope: Scope) -> Poly:
        for node in topological([param.initial]):
            if node not in scope.values:
                scope.values[node] = self.node(node, scope)
        start = self.forms.number(scope.values[param.initial])
        return self.forms.atom("param", start, attrs=(f"{scope.path}{param.path}",),
                               axes=names(param.leaf, scope), stream=False)  # fmt: skip

    def inline(
        self, function: Function, args: Sequence[Poly], scope: Scope
    ) -> tuple[list[Poly], Found]:
        """Polynomials of the results of a function, and what lies in it."""
        forms, values, found = self.forms, scope.values, Found()
        values.update(zip(function.inputs, args, strict=False))
        leaves, delayed = self._states(function, scope)
        values.update(leaves)
        for param in function.params:
            values[param.leaf] = self._param(param, scope)
        for node in function.nodes():
            if node not in values:
                values[node] = self.node(node, scope)
            if node in scope.found:
                found.take(scope.found[node])
        for state in function.states:
            if state.leaf in delayed:
                continue
            pair = (forms.number(values[state.initial]), forms.number(values[state.update]))
            found.states[forms.number(values[state.leaf])] = pair
        found.losses += [forms.number(values[n]) for n in function.losses]
        return [values[n] for n in function.outputs], found

    def _states(
        self, function: Function, scope: Scope
    ) -> tuple[Mapping[Node, Poly], Container[Node]]:
        """A form for every state's leaf; those that are delays of another state, and no states."""
        made: dict[Node, Poly] = {}
        waiting: list[StateInfo] = []
        leaves = {s.leaf for s in function.states}
        for state in function.states:
            if state.update is not state.leaf and state.update in leaves and _zero(state.initial):
                waiting.append(state)
                continue
            name = f"{scope.path}{state.leaf.attr('name')}"
            made[state.leaf] = self.forms.atom(
                "state", attrs=(name,), axes=names(state.leaf, scope)
            )
        delayed: set[Node] = set()
        while waiting:
            ready = [s for s in waiting if s.update in made]
            for state in ready or waiting:  # a ring of states that only remember each other is 0
                made[state.leaf] = self.forms.shifted(made.get(state.update, {}), "delay", (1,))
                delayed.add(state.leaf)
            waiting = [s for s in waiting if s.leaf not in delayed]
        return made, delayed

    def size(self, size: Size, scope: Scope) -> Size:
        if size not in scope.sized:
            scope.sized[size] = size.substitute(scope.sizes)
        return scope.sized[size]

    def count(self, size: Size) -> Poly:
        """A size as a polynomial over the names that have no number."""
        out: Poly = {}
        for monomial, coefficient in size.terms:
            factors: Poly = {(): coefficient}
            for name, power in monomial:
                factors = self.forms.product(factors, self._name(name, power))
            out = self.forms.add(out, factors)
        return out

    def _name(self, name: str, power: int) -> Poly:
        parts = opaque_parts(Size.symbol(name))
        if power == 1 and parts is not None and parts[0] == "/":
            return self.forms.product(
                self.count(parts[1]), self.forms.inverse(self.count(parts[2]))
            )
        return {((self.forms.intern("name", (name,), stream=False), power),): 1}

    # -- nodes -------------------------------------------------------------------------------------

    def node(self, node: Node, scope: Scope) -> Poly:
        rule = RULES.get(node.op)
        if rule is not None:
            return rule(self, node, scope)
        return self.generic(node, scope)

    def generic(self, node: Node, scope: Scope, kids: Sequence[int] | None = None) -> Poly:
        """An atom of an operator about which nothing is known."""
        found = self.kids(node, scope) if kids is None else tuple(kids)
        attrs = tuple(
            (key, self.attribute(key, value, scope))
            for key, value in node.attrs
            if key not in ("name", "of", "path", "body", "variable")
        )
        if node.op == "rename":
            before = _mapped(node.args[0].type.axes, scope)
            attrs = (
                tuple(
                    (Axis(old), Axis(new))
                    for old, new in zip(before, _mapped(node.type.axes, scope), strict=True)
                    if old != new
                ),
            )
        return self.forms.atom(node.op, *found, attrs=attrs, axes=names(node, scope),
                               stream=node.type.stream, truth=node.type.boolean)  # fmt: skip

    def kids(self, node: Node, scope: Scope) -> tuple[int, ...]:
        return tuple(self.forms.number(scope.values[a]) for a in node.args)

    def attribute(self, key: str, value: Any, scope: Scope) -> Any:
        """Axes in the names of the top, sizes with what is known of them put in."""
        if key == "axis":
            return ("axis", Axis(scope.axes.get(value, value)))
        if key in ("over", "new"):
            return ("over", frozenset(scope.axes.get(a, a) for a in value))
        if key == "parts":
            return ("parts", tuple(Axis(scope.axes.get(a, a)) for a in value))
        if isinstance(value, Size):
            return self.size(value, scope)
        return value

    def axes_of(self, poly: Poly) -> frozenset[str]:
        return self.forms.items[self.forms.number(poly)].axes

    def operands(self, node: Node, scope: Scope) -> list[Poly]:
        return [scope.values[a] for a in node.args]


def closed(function: Function, given: Mapping[str, int]) -> dict[str, Size]:
    """Sizes of the header by name: those given, else defaults with what is known put in."""
    out = {name: Size.of(number) for name, number in given.items()}
    for name, default in function.defaults.items():
        out.setdefault(name, default)
    for _ in range(ROUNDS):
        after = {n: s.substitute(out) for n, s in out.items()}
        if after == out:
            break
        out = after
    return out


def _mapped(axes: Sequence[str], scope: Scope) -> tuple[str, ...]:
    return tuple(scope.axes.get(a, a) for a in axes)


def names(node: Node, scope: Scope) -> frozenset[str]:
    return frozenset(scope.axes.get(a, a) for a in node.type.axes)


def _zero(node: Node) -> bool:
    return node.op == "size" and node.attr("value") == Size.of(0)


# -- rules -----------------------------------------------------------------------------------------

Rule = Callable[[Normaliser, Node, Scope], Poly]
RULES: dict[str, Rule] = {}


def _rule(*names: str) -> Callable[[Rule], Rule]:
    def register(make: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, make))
        return make

    return register


@_rule("size")
def _size(n: Normaliser, node: Node, scope: Scope) -> Poly:
    return n.count(n.size(node.attr("value"), scope))


@_rule("const")
def _const(n: Normaliser, node: Node, scope: Scope) -> Poly:
    value = float(node.attr("value"))
    exact = whole(Fraction(value)) if value == value and abs(value) < 1e15 else value
    return {(): exact} if exact else {}


@_rule("order", "expand")
def _same(n: Normaliser, node: Node, scope: Scope) -> Poly:
    return scope.values[node.args[0]]


@_rule("add", "sub")
def _add(n: Normaliser, node: Node, scope: Scope) -> Poly:
    a, b = n.operands(node, scope)
    return n.forms.add(a, b, 1 if node.op == "add" else -1)


@_rule("mul", "and")
def _mul(n: Normaliser, node: Node, scope: Scope) -> Poly:
    return n.forms.product(*n.operands(node, scope))


@_rule("div")
def _div(n: Normaliser, node: Node, scope: Scope) -> Poly:
    a, b = n.operands(node, scope)
    return n.forms.product(a, n.forms.inverse(b))


@_rule("pow")
def _pow(n: Normaliser, node: Node, scope: Scope) -> Poly:
    base, power = n.operands(node, scope)
    times = constant(power)
    if times is None or times not in POWERS:
        return n.generic(node, scope)
    out = base
    for _ in range(int(times) - 1):
        out = n.forms.product(out, base)
    return out


@_rule("contract")
def _contract(n: Normaliser, node: Node, scope: Scope) -> Poly:
    return n.forms.summed(
        n.forms.product(*n.operands(node, scope)), _over(node, scope), _counter(n)
    )


@_rule("sum")
def _sum(n: Normaliser, node: Node, scope: Scope) -> Poly:
    return n.forms.summed(scope.values[node.args[0]], _over(node, scope), _counter(n))


def _over(node: Node, scope: Scope) -> frozenset[str]:
    return frozenset(_mapped(node.attr("over"), scope))


def _counter(n: Normaliser) -> Callable[[str], Poly]:
    return lambda axis: n.count(n.axes.get(axis, Size.symbol(axis)))


@_rule("delay")
def _delay(n: Normaliser, node: Node, scope: Scope) -> Poly:
    steps = node.attr("steps")
    found = n.size(steps, scope).integer if isinstance(steps, Size) else steps
    if found is None:
        return n.generic(node, scope)
    return n.forms.shifted(scope.values[node.args[0]], "delay", (int(found),))


@_rule("less")
def _less(n: Normaliser, node: Node, scope: Scope) -> Poly:
    a, b = n.operands(node, scope)
    return _compared(n, node, scope, b, a)


@_rule("less_equal")
def _less_equal(n: Normaliser, node: Node, scope: Scope) -> Poly:
    a, b = n.operands(node, scope)
    return n.forms.add({(): 1}, _compared(n, node, scope, a, b), -1)


def _compared(n: Normaliser, node: Node, scope: Scope, a: Poly, b: Poly) -> Poly:
    """0 < a - b."""
    kid = n.forms.number(n.forms.add(a, b, -1))
    return n.forms.atom(
        "positive", kid, axes=names(node, scope), stream=node.type.stream, truth=True
    )


@_rule("equal", "not_equal")
def _equal(n: Normaliser, node: Node, scope: Scope) -> Poly:
    a, b = n.operands(node, scope)
    kids = sorted(n.forms.number(p) for p in (n.forms.add(a, b, -1), n.forms.add(b, a, -1)))
    same = n.forms.atom(
        "equal", *kids, axes=names(node, scope), stream=node.type.stream, truth=True
    )
    return same if node.op == "equal" else n.forms.add({(): 1}, same, -1)


@_rule("not")
def _not(n: Normaliser, node: Node, scope: Scope) -> Poly:
    return n.forms.add({(): 1}, scope.values[node.args[0]], -1)


@_rule("or")
def _or(n: Normaliser, node: Node, scope: Scope) -> Poly:
    a, b = n.operands(node, scope)
    return n.forms.add(n.forms.add(a, b), n.forms.product(a, b), -1)


@_rule("maximum", "minimum", "relu")
def _maximum(n: Normaliser, node: Node, scope: Scope) -> Poly:
    """`min(a, b)` is `-max(-a, -b)`."""
    sign = -1 if node.op == "minimum" else 1
    parts = n.operands(node, scope) + ([{}] if node.op == "relu" else [])
    kids = sorted(n.forms.number(scaled(p, sign)) for p in parts)
    return scaled(
        n.forms.atom("max", *kids, axes=names(node, scope), stream=node.type.stream), sign
    )


@_rule("select")
def _select(n: Normaliser, node: Node, scope: Scope) -> Poly:
    """A condition that holds where its atoms do not is turned."""
    condition, x, y = n.operands(node, scope)
    if condition.get((), 0) == 1:
        condition, x, y = n.forms.add({(): 1}, condition, -1), y, x
    known = constant(condition)
    if known is not None:
        return x if known else y
    return n.generic(node, scope, [n.forms.number(p) for p in (condition, x, y)])


@_rule("pick")
def _pick(n: Normaliser, node: Node, scope: Scope) -> Poly:
    """A slice of a stack is what was stacked."""
    index = n.size(node.attr("index"), scope).integer
    base = node.args[0]
    while base.op == "order":
        base = base.args[0]
    if (
        index is not None
        and base.op == "stack"
        and base.attr("axis") == node.attr("axis")
        and index < len(base.args)
    ):
        return scope.values[base.args[index]]
    return n.generic(node, scope)
