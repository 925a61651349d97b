"""Questions about syntax alone: targets of a block, operator calls of an equation in order of the
text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from asiarch.language import ast

KEPT = 4096
_KNOWN: dict[tuple[int, ...], tuple[tuple[Any, ...], dict[int, str]]] = {}
_LEAVES = (ast.Number, ast.Name, ast.Prime, ast.Spread)


def children(node: Any) -> Iterator[Any]:
    """Sub-expressions of an expression."""
    match node:
        case ast.Paren():
            yield node.inner
        case ast.Unary():
            yield node.operand
        case ast.Binary():
            yield from (node.left, node.right)
        case ast.Compare():
            yield from node.operands
        case ast.Call():
            yield from _slots(node.brackets)
            yield from (a.value for a in node.arguments)
        case ast.Pipe():
            yield node.value
            yield from _slots(node.brackets)
            yield from (a.value for a in node.arguments)
        case ast.Index():
            yield node.base
            yield from _slots(node.brackets)
        case ast.Attend():
            yield node.condition
            yield from (f.value for f in node.fields)
        case _:
            return


def _slots(brackets: ast.Brackets | None) -> Iterator[Any]:
    if brackets is not None:
        yield from (s.value for s in brackets.slots)
        yield from (s.value for s in brackets.arrow or ())


def expressions(root: Any) -> Iterator[Any]:
    """Every sub-expression, without recursion."""
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(children(node))


class Labels:
    """`linear`, `linear_2`, ... for each call of an equation, left to right; made when asked."""

    __slots__ = ("_by_id", "_roots")

    def __init__(self, roots: Sequence[Any] = ()) -> None:
        self._roots = roots
        self._by_id: dict[int, str] | None = None

    def of(self, call: ast.Call | ast.Pipe) -> str:
        """The label of a call; of one that the equation does not hold, its operator."""
        if self._by_id is None:
            self._by_id = _known(self._roots)
        return self._by_id.get(id(call), call.name.id)


def _known(roots: Sequence[Any]) -> dict[int, str]:
    """Labels of syntax that may have been asked for before: texts that are read by pieces share
    it. What is kept holds the syntax, so that a place in memory stays its own.
    """
    key = tuple([id(root) for root in roots])
    found = _KNOWN.get(key)
    if found is None:
        if len(_KNOWN) >= KEPT:
            _KNOWN.clear()
        found = _KNOWN[key] = (tuple(roots), _labels(roots))
    return found[1]


def _labels(roots: Sequence[Any]) -> dict[int, str]:
    calls = [
        node
        for root in roots
        for node in expressions(root)
        if isinstance(node, (ast.Call, ast.Pipe))
    ]
    counts: dict[str, int] = {}
    out: dict[int, str] = {}
    for call in sorted(calls, key=lambda c: c.name.span.start):
        name = call.name.id
        counts[name] = counts.get(name, 0) + 1
        out[id(call)] = name if counts[name] == 1 else f"{name}_{counts[name]}"
    return out


def targets(body: Sequence[ast.Statement]) -> dict[str, ast.Span]:
    """Names that a block's equations bind, nested blocks included, first place of each."""
    found: dict[str, ast.Span] = {}
    for statement in body:
        match statement:
            case ast.Equation():
                for target in statement.targets:
                    found.setdefault(target.id, target.span)
            case ast.For():
                for name, span in targets(statement.body).items():
                    found.setdefault(name, span)
            case ast.If():
                for arm in (statement.then, statement.otherwise):
                    for name, span in targets(arm).items():
                        found.setdefault(name, span)
            case _:
                continue
    return found


def local_declarations(body: Sequence[ast.Statement]) -> set[str]:
    """States and params that a block declares itself."""
    return {s.name.id for s in body if isinstance(s, (ast.State, ast.Param))}


def mentions(body: Sequence[ast.Statement], name: str) -> bool:
    """Does any expression of a block mention the name?"""
    for statement in body:
        roots: list[Any] = []
        match statement:
            case ast.Equation():
                roots = [statement.value]
            case ast.Return():
                roots = list(statement.values)
            case ast.Loss():
                roots = [statement.value]
            case ast.Param():
                roots = [statement.initialiser]
            case ast.State():
                roots = [statement.initial] if statement.initial is not None else []
            case ast.For():
                roots = [statement.bound]
                if mentions(statement.body, name):
                    return True
            case ast.If():
                roots = [statement.condition]
                if mentions(statement.then, name) or mentions(statement.otherwise, name):
                    return True
            case _:
                continue
        for root in roots:
            if any(isinstance(e, ast.Name) and e.id == name for e in expressions(root)):
                return True
    return False
