"""`for` and `if`: static. A loop is one node that holds its body; an undecided `if` holds both
arms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from asiarch.elaborate.builder import Builder
from asiarch.elaborate.scope import Poison, Quiet, Scope, StateName, Static, Value
from asiarch.elaborate.walk import local_declarations, mentions, targets
from asiarch.ir import rules
from asiarch.ir.function import Function
from asiarch.ir.node import Node, make
from asiarch.ir.size import Size
from asiarch.ir.types import Type
from asiarch.language import ast

MAX_UNROLLED = 4096


def child(b: Builder, kind: str, suffix: str) -> Builder:
    """A builder for a block of `b`: same axes and header, own parameters, captured values."""
    return Builder(
        elaborator=b.elaborator,
        name=f"{b.name}.{suffix}",
        kind=kind,
        file=b.file,
        axes=b.axes,
        header=b.header,
        defaults=b.defaults,
        alias=b.alias,
        spreads=b.spreads,
        outer=b,
        outer_scope=b.scope,
        in_loss=b.in_loss,
        lookahead=b.lookahead,
    )


def _root(b: Builder) -> Builder:
    while b.outer is not None and b.kind in ("loop", "arm"):
        b = b.outer
    return b


def _carried(b: Builder, body: Sequence[ast.Statement]) -> list[str]:
    """Names that the body binds and that exist before it."""
    own = local_declarations(body)
    out: list[str] = []
    for name, span in targets(body).items():
        if name in own:
            continue
        found = b.scope.find(name)
        if found is None and b.outer is not None and name in b.visible():
            found = b.lookup(name, span)
            b.scope.names[name] = found
        if isinstance(found, Poison):
            raise Quiet
        if isinstance(found, StateName) and found.current is None:
            b.fail(
                "E0115",
                f"state `{name}` has no equation above this block",
                span,
                help=f"start with one, for example `{name} = {name}[t-1]`",
            )
        if isinstance(found, (StateName, Value)):
            out.append(name)
    return out


def _current(b: Builder, name: str) -> Node:
    found = b.scope.find(name)
    if isinstance(found, StateName):
        assert found.current is not None
        return found.current
    if not isinstance(found, Value):  # bound by a statement that failed
        raise Quiet
    return found.node


# -- for -------------------------------------------------------------------------------------------


def elaborate_for(b: Builder, e: ast.For) -> None:
    from asiarch.elaborate.expression import static_size

    bound = static_size(b, e.bound, "the bound of a loop")
    if bound.constant is not None and (bound.integer is None or bound.integer < 0):
        b.fail("E0508", f"a loop runs a whole number of times, got {bound}", e.bound.span)
    name = e.variable.id
    if b.scope.find(name) is not None or name in b.header:
        b.fail(
            "E0113", f"`{name}` is defined already; give the loop its own variable", e.variable.span
        )
    axis = b.axis(e.bound.id) if isinstance(e.bound, ast.Name) else None
    carried = _carried(b, e.body)
    inits = [_current(b, n) for n in carried]
    types = [Type(n.type.mode, n.type.axes) for n in inits]
    counts = dict(_root(b).target_counts)
    bodies, schedule, builder = _bodies(b, e, bound, axis, carried, types)
    for _ in carried:
        promoted = [
            Type("seq", t.axes) if o.type.stream else t
            for t, o in zip(types, bodies[0].outputs, strict=True)
        ] if bodies else types  # fmt: skip
        if promoted == types:
            break
        types = promoted
        # A path must not tell how often a body was read.
        _root(b).target_counts.clear()
        _root(b).target_counts.update(counts)
        bodies, schedule, builder = _bodies(b, e, bound, axis, carried, types)
    if not bodies:
        return
    node = make(
        "loop",
        [*inits, *builder.captures[len(carried) :]],
        Type("tensor"),
        bodies=tuple(bodies),
        schedule=schedule,
        count=bound,
        carried=len(carried),
        path=_plural(name),
        variable=name,
    )
    b.spans.setdefault(node, e.span)
    for index, target in enumerate(carried):
        result = make("result", (node,), types[index], index=index)
        b.spans.setdefault(result, e.span)
        found = b.scope.find(target)
        if isinstance(found, StateName):
            found.current = result
        else:
            b.bind(target, result, e.span)


def _plural(name: str) -> str:
    """`layers` of `for layer in L`."""
    return f"{name}s"


def _bodies(
    b: Builder,
    e: ast.For,
    bound: Size,
    axis: str | None,
    carried: list[str],
    types: list[Type],
) -> tuple[list[Function], tuple[int, ...] | None, Builder]:
    """The distinct bodies, and which one each iteration runs (None: one body, the variable a
    symbol).
    """
    from asiarch.elaborate.program import same_terms

    root = _root(b)
    before = dict(root.target_counts)
    shared = child(b, "loop", f"for_{e.variable.id}{b.loops}")
    count = bound.integer
    unrolled = b.elaborator.concrete and mentions(e.body, e.variable.id)
    if not unrolled:
        symbol = Size.symbol(e.variable.id) if not b.elaborator.concrete else Size.of(0)
        body = _body(b, e, shared, symbol, axis, carried, types)
        b.elaborator.loop_bounds[e.variable.id] = bound
        return [body], None, shared
    if count is None or count > MAX_UNROLLED:
        b.fail(
            "E0508", f"a loop of {bound} distinct iterations is too long to compile", e.bound.span
        )
    bodies: list[Function] = []
    schedule: list[int] = []
    for n in range(count):
        root.target_counts.clear()
        root.target_counts.update(before)
        body = _body(b, e, shared, Size.of(n), axis, carried, types)
        same = next((i for i, f in enumerate(bodies) if same_terms(f, body)), None)
        if same is None:
            same = len(bodies)
            bodies.append(body)
        schedule.append(same)
    return [_taking_all(f, shared) for f in bodies], tuple(schedule), shared


def _taking_all(body: Function, shared: Builder) -> Function:
    """The body with every outer value that any iteration reads among its inputs."""
    return replace(body, inputs=tuple(shared.inputs), input_names=tuple(shared.input_names))


def _body(
    b: Builder,
    e: ast.For,
    shared: Builder,
    n: Size,
    axis: str | None,
    carried: list[str],
    types: list[Type],
) -> Function:
    from asiarch.elaborate.statement import block

    inner = child(b, "loop", f"for_{e.variable.id}{b.loops}")
    inner.inputs, inner.input_names = shared.inputs, shared.input_names
    inner.captured, inner.captures = shared.captured, shared.captures
    inner.scope.names[e.variable.id] = Static(n, "loop", e.variable.span, axis)
    leaves = [
        make("input", (), kind, name=name, index=index, of=inner.name)
        for index, (name, kind) in enumerate(zip(carried, types, strict=True))
    ]
    # The carried values come first; only then may a state's reading be captured after them.
    for name, leaf in zip(carried[len(inner.inputs) :], leaves[len(inner.inputs) :], strict=True):
        inner.inputs.append(leaf)
        inner.input_names.append(name)
        inner.captures.append(_current(b, name))
    for name, leaf in zip(carried, leaves, strict=True):
        found = b.scope.find(name)
        if isinstance(found, StateName):
            before = inner.capture(found.leaf, f"{name}[t-1]")
            inner.scope.names[name] = StateName(before, found.axes, found.initial, found.span, leaf)
        else:
            inner.scope.names[name] = Value(leaf, "stream", e.span)
    mark = len(b.elaborator.diagnostics)
    block(inner, e.body)
    _finish_states(inner)
    if len(b.elaborator.diagnostics) > mark:
        raise Quiet
    for name, kind in zip(carried, types, strict=True):
        node = _current(inner, name)
        if set(node.type.axes) != set(kind.axes):
            b.fail(
                "E0219",
                f"`{name}` is {kind} before the loop and {node.type} after an iteration",
                e.span,
            )
        inner.outputs.append(rules.order(node, kind.axes))
    return inner.finish(e)


def _finish_states(inner: Builder) -> None:
    for state in inner.states:
        if state.current is None:
            inner.report("E0112", f"state `{state.leaf.attr('name')}` has no equation", state.span)


# -- if --------------------------------------------------------------------------------------------


def elaborate_if(b: Builder, e: ast.If) -> None:
    from asiarch.elaborate.expression import value
    from asiarch.elaborate.statement import block

    condition = rules.static(value(b, e.condition))
    if condition is None:
        b.fail(
            "E0509",
            "the condition of `if` must be known before running",
            e.condition.span,
            help="choose by value with `select(c, x, y)`",
        )
    known = condition.constant
    if known is not None:
        taken, skipped = (e.then, e.otherwise) if known else (e.otherwise, e.then)
        if not known:
            _skip(b, skipped)
        block(b, taken)
        if known:
            _skip(b, skipped)
        return
    _undecided(b, e, condition)


def _skip(b: Builder, body: Sequence[ast.Statement]) -> None:
    """Count the targets of an arm not taken: paths do not depend on which arm is."""
    for statement in body:
        match statement:
            case ast.Equation():
                for target in statement.targets:
                    b.count_target(target.id)
            case ast.For():
                _skip(b, statement.body)
            case ast.If():
                _skip(b, statement.then)
                _skip(b, statement.otherwise)
            case _:
                continue


def _undecided(b: Builder, e: ast.If, condition: Size) -> None:
    carried = _carried(b, [e])
    arms: list[Builder] = []
    shared: Builder | None = None
    mark = len(b.elaborator.diagnostics)
    for suffix, body in (("then", e.then), ("else", e.otherwise)):
        inner = child(b, "arm", f"{suffix}{b.loops}")
        if shared is not None:
            inner.inputs, inner.input_names = shared.inputs, shared.input_names
            inner.captured, inner.captures = shared.captured, shared.captures
        shared = shared or inner
        _arm(b, inner, body, carried)
        arms.append(inner)
    b.loops += 1
    if len(b.elaborator.diagnostics) > mark:
        raise Quiet
    names = _survivors(b, arms, carried)
    types: list[Type] = []
    for name in names:
        pair = [_current(a, name) for a in arms]
        types.append(_common(pair))
        for arm, node in zip(arms, pair, strict=True):
            arm.outputs.append(rules.order(node, pair[0].type.axes))
    then, otherwise = (a.finish(e) for a in arms)
    node = make(
        "branch",
        arms[0].captures,
        Type("tensor"),
        condition=condition,
        then=then,
        otherwise=otherwise,
    )
    b.spans.setdefault(node, e.span)
    for index, (name, kind) in enumerate(zip(names, types, strict=True)):
        result = make("result", (node,), kind, index=index)
        found = b.scope.find(name)
        if isinstance(found, StateName):
            found.current = result
        else:
            b.bind(name, result, e.span)


def _arm(b: Builder, inner: Builder, body: Sequence[ast.Statement], carried: list[str]) -> None:
    from asiarch.elaborate.statement import block

    for name in carried:
        found = b.scope.find(name)
        node = inner.capture(_current(b, name), name)
        if isinstance(found, StateName):
            leaf = inner.capture(found.leaf, f"{name}[t-1]")
            inner.scope.names[name] = StateName(leaf, found.axes, found.initial, found.span, node)
        else:
            inner.scope.names[name] = Value(node, "stream", b.elaborator.nowhere)
    block(inner, body)
    _finish_states(inner)


def _survivors(b: Builder, arms: list[Builder], carried: list[str]) -> list[str]:
    """Carried names, and names that both arms bind with one type."""
    out = list(carried)
    both = [n for n in arms[0].scope.names if n in arms[1].scope.names and n not in carried]
    for name in both:
        pair = [arm.scope.names[name] for arm in arms]
        if all(isinstance(p, Value) for p in pair):
            nodes = [_current(arm, name) for arm in arms]
            if set(nodes[0].type.axes) == set(nodes[1].type.axes):
                out.append(name)
    return [n for n in out if _agree(b, arms, n)]


def _agree(b: Builder, arms: list[Builder], name: str) -> bool:
    nodes = [_current(arm, name) for arm in arms]
    return set(nodes[0].type.axes) == set(nodes[1].type.axes)


def _common(pair: list[Node]) -> Type:
    mode = "seq" if any(n.type.stream for n in pair) else "tensor"
    return Type(mode, pair[0].type.axes)


__all__ = ["Scope", "elaborate_for", "elaborate_if"]
