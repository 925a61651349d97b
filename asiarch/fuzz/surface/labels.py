"""Names of parameters, from the text alone: `target.operator`, repeats counted from the left.

A target counts on over the whole definition, both arms of every `if` included.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from asiarch.language import ast


def targets(body: Sequence[ast.Statement]) -> dict[int, str]:
    """What the parameters of an equation or a loss stand under, by the statement's identity."""
    counts: Counter[str] = Counter()
    found: dict[int, str] = {}
    for statement in _every(body):
        match statement:
            case ast.Equation(targets=names):
                for name in names:
                    counts[name.id] += 1
                found[id(statement)] = _numbered(names[0].id, counts[names[0].id])
            case ast.Share(name=name):
                counts[name.id] += 1
            case ast.Loss():
                counts["loss"] += 1
                found[id(statement)] = _numbered("loss", counts["loss"])
            case _:
                continue
    return found


def _every(body: Sequence[ast.Statement]) -> Iterator[ast.Statement]:
    for statement in body:
        yield statement
        match statement:
            case ast.For():
                yield from _every(statement.body)
            case ast.If():
                yield from _every(statement.then)
                yield from _every(statement.otherwise)
            case _:
                continue


def _numbered(name: str, count: int) -> str:
    return name if count == 1 else f"{name}_{count}"


def calls(roots: Sequence[ast.Expr]) -> dict[int, str]:
    """`linear`, `linear_2`, ... by the identity of the call, in order of the text."""
    every = [c for root in roots for c in _calls(root)]
    counts: Counter[str] = Counter()
    found: dict[int, str] = {}
    for call in sorted(every, key=lambda c: c.name.span.start):
        counts[call.name.id] += 1
        found[id(call)] = _numbered(call.name.id, counts[call.name.id])
    return found


def _calls(part: Any) -> Iterator[ast.Call | ast.Pipe]:
    """Of a node and of all that it holds."""
    if isinstance(part, (ast.Call, ast.Pipe)):
        yield part
    if isinstance(part, tuple):
        for inner in part:  # pyright: ignore[reportUnknownVariableType]
            yield from _calls(inner)
    elif dataclasses.is_dataclass(part):
        for field in dataclasses.fields(part):
            yield from _calls(getattr(part, field.name))
