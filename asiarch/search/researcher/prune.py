"""Statements that reach no result, taken out of a child.

An edit that puts something in place of a read leaves the memory behind: it would be trained, and
its parameters counted against the budget that everybody has, for nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from asiarch.fuzz.edit import Change
from asiarch.language import ast
from asiarch.language.parser import parse

KIND = "prune"


def pruned(text: str, op: str) -> tuple[Change, ...]:
    """Changes, from the end of the text to its start, that take out definitions that `op` does not
    call, and statements whose names nothing that is left mentions. By names alone: what is taken
    out is dead, not all that is dead is taken out.
    """
    definitions = parse(text).program.definitions
    called = _called(text, definitions, op)
    spans: list[ast.Span] = []
    for definition in definitions:
        if definition.name.id in called:
            spans += [s.span for s in _dead(text, definition)]
        else:
            spans.append(definition.span)
    changes: list[Change] = []
    for span in sorted(spans, key=lambda s: s.start, reverse=True):
        start, end = _lines(text, span)
        changes.append(Change(KIND, start, text[start:end], ""))
    return tuple(changes)


def _called(text: str, definitions: Iterable[ast.Definition], op: str) -> set[str]:
    bodies = {d.name.id: _words(text, d.span) for d in definitions}
    live, waiting = set[str](), [op]
    while waiting:
        name = waiting.pop()
        if name in bodies and name not in live:
            live.add(name)
            waiting += bodies[name]
    return live


def _dead(text: str, definition: ast.Definition) -> Iterator[ast.Statement]:
    body = [(s, _binds(s), _words(text, s.span)) for s in definition.body]
    live: set[str] = set()
    for claim in definition.claims:
        live |= _words(text, claim.span)
    kept: set[int] = set()
    grows = True
    while grows:
        grows = False
        for place, (_, binds, words) in enumerate(body):
            if place not in kept and (binds is None or binds & live):
                kept.add(place)
                live |= words
                grows = True
    yield from (s for place, (s, _, _) in enumerate(body) if place not in kept)


def _binds(statement: ast.Statement) -> set[str] | None:
    """Names that a statement gives a meaning; None for one that stays."""
    match statement:
        case ast.Equation():
            return {t.id for t in statement.targets}
        case ast.Param() | ast.State():
            return {statement.name.id}
        case _:
            return None


def _words(text: str, span: ast.Span) -> set[str]:
    return set(re.findall(r"\w+", text[span.start : span.end]))


def _lines(text: str, span: ast.Span) -> tuple[int, int]:
    """The whole lines of a span, with the break after them; itself where others stand on them."""
    start = text.rfind("\n", 0, span.start) + 1
    end = text.find("\n", span.end)
    end = len(text) if end < 0 else end + 1
    if text[start : span.start].strip() or text[span.end : end].strip():
        return span.start, span.end
    return start, end
