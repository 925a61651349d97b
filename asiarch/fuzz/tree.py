"""Places in a program's text, from its syntax tree: statements, expressions, bound names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, cast, get_args

from asiarch.language import ast

EXPRESSIONS = get_args(ast.Expr)
STATEMENTS = get_args(ast.Statement)


def children(node: Any) -> Iterator[Any]:
    """The nodes directly below a node, in order of the text."""
    for field in fields(node):
        value: Any = getattr(node, field.name)
        items = cast("tuple[Any, ...]", value) if isinstance(value, tuple) else (value,)
        for item in items:
            if is_dataclass(item) and not isinstance(item, ast.Span):
                yield item


def nodes(root: Any) -> Iterator[Any]:
    """Every node, a parent before its children."""
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        stack += reversed(list(children(node)))


def statements(program: ast.Program) -> list[Any]:
    return [n for n in nodes(program) if isinstance(n, STATEMENTS)]


def values(program: ast.Program) -> list[Any]:
    """Expressions of bodies, without names in brackets, targets and callees."""
    found: list[Any] = []
    for statement in statements(program):
        for root in _roots(statement):
            found += list(_below(root))
    return found


def _roots(statement: Any) -> list[Any]:
    match statement:
        case ast.Equation():
            return [statement.value]
        case ast.Return():
            return list(statement.values)
        case ast.Loss():
            return [statement.value]
        case ast.State():
            return [] if statement.initial is None else [statement.initial]
        case ast.Param():
            return [statement.initialiser]
        case _:
            return []


def operands(e: Any) -> list[Any]:
    """The values that an expression is made of."""
    match e:
        case ast.Paren():
            return [e.inner]
        case ast.Unary():
            return [e.operand]
        case ast.Binary():
            return [e.left, e.right]
        case ast.Compare():
            return list(e.operands)
        case ast.Call():
            return [a.value for a in e.arguments]
        case ast.Pipe():
            return [e.value, *(a.value for a in e.arguments)]
        case ast.Index():
            return [e.base]
        case ast.Attend():
            return [e.condition, *(f.value for f in e.fields)]
        case _:
            return []


def _below(e: Any) -> Iterator[Any]:
    yield e
    for operand in operands(e):
        yield from _below(operand)


def piece(text: str, node: Any) -> str:
    return text[node.span.start : node.span.end]


def replaced(text: str, span: ast.Span, new: str) -> str:
    return text[: span.start] + new + text[span.end :]
