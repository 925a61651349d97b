"""Statements and blocks. An error stops its statement only: the names it binds become poison."""

from __future__ import annotations

from collections.abc import Sequence

from asiarch.elaborate import repeat, share
from asiarch.elaborate.builder import Builder
from asiarch.elaborate.call import elaborate_call, known_operator
from asiarch.elaborate.expression import static_size, value
from asiarch.elaborate.known import elaborated
from asiarch.elaborate.scope import Poison, Quiet, Shared, StateName, Static, Value
from asiarch.elaborate.site import axes_of
from asiarch.elaborate.walk import Labels, targets
from asiarch.ir import rules
from asiarch.ir.node import Node
from asiarch.ir.primitive import Problem
from asiarch.ir.types import Type
from asiarch.language import ast
from asiarch.language.diagnostics import Label

RESERVED = frozenset({"t", "T", "time", "tokens", "j"})


def block(b: Builder, body: Sequence[ast.Statement]) -> None:
    for statement in body:
        try:
            _statement(b, statement)
        except Quiet:
            _poison(b, statement)
        except OverflowError as error:
            b.report("E0502", f"this grows too large: {error}", statement.span)
            _poison(b, statement)


def _poison(b: Builder, statement: ast.Statement) -> None:
    b.elaborator.failed += 1
    match statement:
        case ast.Equation() | ast.For() | ast.If():
            for name, span in targets([statement]).items():
                found = b.scope.find(name)
                if isinstance(found, StateName):
                    found.current = found.current or found.leaf
                else:
                    b.scope.names[name] = Poison(span)
        case ast.Param() | ast.State() | ast.Share():
            b.scope.names[statement.name.id] = Poison(statement.name.span)
        case ast.Return():
            b.elaborator.broken_return = True
        case _:
            return


def _statement(b: Builder, statement: ast.Statement) -> None:
    match statement:
        case ast.Equation():
            _equation(b, statement)
        case ast.Param():
            _param(b, statement)
        case ast.State():
            _state(b, statement)
        case ast.Return():
            _return(b, statement)
        case ast.Loss():
            _loss(b, statement)
        case ast.For():
            repeat.elaborate_for(b, statement)
        case ast.If():
            repeat.elaborate_if(b, statement)
        case ast.Share():
            _share(b, statement)


# -- equations -------------------------------------------------------------------------------------


def _equation(b: Builder, e: ast.Equation) -> None:
    for target in e.targets:
        if isinstance(target, ast.Prime):
            b.fail(
                "E0111",
                f"`{target.id}'` is not of the language",
                target.span,
                help=f"write `{target.id} = ...`; the value before is `{target.id}[t-1]`",
            )
        _may_bind(b, target.id, target.span)
    b.target = b.next_target(e.targets[0].id)
    for extra in e.targets[1:]:
        b.count_target(extra.id)
    b.labels = Labels([e.value])
    results = elaborated(
        b, e, lambda: [value(b, e.value)] if len(e.targets) == 1 else _several(b, e)
    )
    for target, node in zip(e.targets, results, strict=True):
        _assign(b, target.id, node, e, target.span)


def _several(b: Builder, e: ast.Equation) -> list[Node]:
    inner = e.value
    while isinstance(inner, ast.Paren):
        inner = inner.inner
    if not isinstance(inner, (ast.Call, ast.Pipe)):
        b.fail("E0213", "only a call gives several results", e.value.span)
    results = elaborate_call(b, inner)
    if len(results) != len(e.targets):
        b.fail(
            "E0213",
            f"this call gives {len(results)} results, {len(e.targets)} names stand on the left",
            e.span,
        )
    return results


def _may_bind(b: Builder, name: str, span: ast.Span) -> None:
    found = b.scope.find(name)
    if name in RESERVED:
        b.fail("E0109", f"`{name}` is a word of the language and cannot be bound", span)
    if isinstance(found, Static) or (name in b.header and found is None):
        b.fail(
            "E0109",
            f"`{name}` is a number of the header or a loop; an equation cannot bind it",
            span,
        )
    if isinstance(found, Shared) or (isinstance(found, Value) and found.kind == "param"):
        what = "a shared operator" if isinstance(found, Shared) else "a parameter"
        b.fail(
            "E0109",
            f"`{name}` is {what}; an equation cannot bind it",
            span,
            secondary=(Label(found.span, "declared here"),),
        )


def _assign(b: Builder, name: str, node: Node, e: ast.Equation, span: ast.Span) -> None:
    found = b.scope.find(name)
    if isinstance(found, StateName):
        if set(node.type.axes) != set(found.axes):
            b.fail(
                "E0219",
                f"state `{name}` has {rules.show(found.axes)}, its equation gives "
                f"{rules.show(node.type.axes)}",
                e.value.span,
                secondary=(Label(found.span, "declared here"),),
            )
        found.current = rules.order(node, found.axes)
        b.spans.setdefault(found.current, e.span)
        b.names[name] = found.current
        b.hints.setdefault(found.current, name)
        return
    b.bind(name, node, span)


# -- declarations ----------------------------------------------------------------------------------


def known_axes(
    b: Builder, entries: Sequence[ast.Name | ast.Spread], span: ast.Span
) -> tuple[str, ...]:
    try:
        axes = axes_of(b, entries)
        for axis in axes:
            b.axis_size(axis)
    except Problem as problem:
        place = next(
            (e.span for e in entries if isinstance(e, ast.Name) and b.axis(e.id) not in b.axes),
            span,
        )
        b.problem(problem, place)
    if len(set(axes)) != len(axes):
        b.fail("E0206", f"an axis is named twice: {rules.show(axes)}", span)
    return axes


def _fresh(b: Builder, name: ast.Name) -> None:
    if name.id in RESERVED:
        b.fail("E0109", f"`{name.id}` is a word of the language and cannot be bound", name.span)
    if name.id in b.scope.names or name.id in b.header:
        b.fail("E0113", f"`{name.id}` is declared already", name.span)


def _param(b: Builder, e: ast.Param) -> None:
    _fresh(b, e.name)
    axes = known_axes(b, e.axes, e.span)
    b.target, b.labels = e.name.id, Labels([e.initialiser])
    (initial,) = elaborated(b, e, lambda: [value(b, e.initialiser)])
    if initial.type.stream:
        b.fail(
            "E0230",
            "an initialiser is made of numbers and draws, this is a stream",
            e.initialiser.span,
        )
    if not set(initial.type.axes) <= set(axes):
        b.fail("E0230", f"the initialiser has {rules.show(initial.type.axes)}, the parameter "
               f"{rules.show(axes)}", e.initialiser.span)  # fmt: skip
    leaf = b.param(e.name.id, axes, initial)
    b.scope.names[e.name.id] = Value(leaf, "param", e.name.span)
    b.names[e.name.id] = leaf


def _share(b: Builder, e: ast.Share) -> None:
    _fresh(b, e.name)
    known_operator(b, e.op)
    share.declare(b, e)


def _state(b: Builder, e: ast.State) -> None:
    _fresh(b, e.name)
    axes = known_axes(b, e.axes, e.span)
    initial = rules.number(0)
    if e.initial is not None:
        b.target, b.labels = e.name.id, Labels([e.initial])
        initial = value(b, e.initial)
        if initial.type.stream or not set(initial.type.axes) <= set(axes):
            b.fail(
                "E0231",
                f"a state starts at a Tensor over {rules.show(axes)}, this is {initial.type}",
                e.initial.span,
                help="before the first token no stream has a value: start at a number or a `param`",
            )
    b.scope.names[e.name.id] = b.state(e.name.id, axes, initial, e.name.span)


# -- results ---------------------------------------------------------------------------------------


def _return(b: Builder, e: ast.Return) -> None:
    if b.kind not in ("op", "model"):
        b.fail("E0114", "`return` stands at the end of the definition, not in a block", e.span)
    if b.outputs:
        b.fail("E0114", "a definition returns once", e.span)
    b.target, b.labels = "out", Labels(e.values)
    nodes = elaborated(b, e, lambda: [value(b, v) for v in e.values])
    declared = b.elaborator.results(b)
    if declared is None:
        b.outputs = nodes
        return
    if len(declared) != len(nodes):
        b.fail("E0213", f"{len(declared)} results are declared, {len(nodes)} returned", e.span)
    for node, kind, syntax in zip(nodes, declared, e.values, strict=True):
        b.outputs.append(_declared(b, node, kind, syntax.span))


def _declared(b: Builder, node: Node, kind: Type, span: ast.Span) -> Node:
    if set(node.type.axes) != set(kind.axes):
        b.outputs.clear()
        b.fail(
            "E0232",
            f"the result is declared {kind}, but this is {node.type}",
            span,
            help="map it with `linear[... -> ...]`, or change the declaration",
        )
    if kind.mode == "tensor" and node.type.stream:
        b.outputs.clear()
        b.fail("E0232", f"the result is declared {kind}, but this is a stream", span)
    return rules.order(node, kind.axes)


def _loss(b: Builder, e: ast.Loss) -> None:
    root = b
    b.target, b.labels = root.next_target("loss"), Labels([e.value])
    b.in_loss = True
    try:
        b.losses.append(value(b, e.value))
    finally:
        b.in_loss = False


__all__ = ["block", "known_axes", "static_size"]
