"""From a program that fails to a small one that fails the same way.

Steps are the inverse edits (an expression gives way to a part of it or to a name) and deletions (a
statement, a definition, a claim, a block's braces); one stays where the program still fails alike.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from asiarch.fuzz import tree
from asiarch.fuzz.program import Program
from asiarch.language import ast
from asiarch.language.diagnostics import SpecError
from asiarch.language.formatter import format
from asiarch.language.parser import parse

Fails = Callable[[Program], bool]


def shrink(program: Program, fails: Fails, seconds: float = 60.0) -> Program:
    """The smallest program found within the time; `program` itself at worst."""
    end = time.monotonic() + seconds
    tried: set[Program] = {program}
    found = True
    while found and time.monotonic() < end:
        found = False
        for candidate in _smaller(program):
            if time.monotonic() > end:
                break
            if candidate in tried:
                continue
            tried.add(candidate)
            if fails(candidate):
                program, found = candidate, True
                break
    return _printed(program, fails)


def signature(failure: tuple[str, str]) -> tuple[str, str]:
    """What makes two failures the same: the check, and what it says without its numbers."""
    name, said = failure
    return name, re.sub(r"`[^`]*`|'[^']*'|\[[^\]]*\]|[\d.e+-]+", "#", said)[:60]


def _printed(program: Program, fails: Fails) -> Program:
    try:
        shown = replace(program, text=format(program.text))
    except SpecError:
        return program
    return shown if shown == program or fails(shown) else program


def _smaller(program: Program) -> Iterator[Program]:
    """Candidates, those that take most away first."""
    result = parse(program.text)
    if any(d.severity == "error" for d in result.diagnostics):
        return
    for text in _without(program.text, result.program):
        yield replace(program, text=text)
    for text in _simpler(program.text, result.program):
        yield replace(program, text=text)
    yield from _numbers(program)


def _without(text: str, root: ast.Program) -> Iterator[str]:
    """A definition, statement or claim less; a block replaced by what is in it."""
    yield from _states(text, root)
    for node in [*root.definitions, *tree.statements(root)]:
        if not isinstance(node, ast.Return):
            yield tree.replaced(text, node.span, "")
        if isinstance(node, ast.For):
            yield tree.replaced(text, node.span, _inside(text, node.body))
        if isinstance(node, ast.If):
            yield tree.replaced(text, node.span, _inside(text, node.then))
            if node.otherwise:
                yield tree.replaced(text, node.span, _inside(text, node.otherwise))
    for definition in root.definitions:
        if definition.claims:
            start = text.index("where", definition.name.span.end)
            yield text[:start] + text[definition.claims[-1].span.end :]
        yield from _header(text, definition)


def _states(text: str, root: ast.Program) -> Iterator[str]:
    """A state less, with its equations."""
    for state in tree.statements(root):
        if not isinstance(state, ast.State):
            continue
        shorter = text
        for node in reversed(tree.statements(root)):
            own = isinstance(node, ast.Equation) and node.targets[0].id == state.name.id
            if node is state or own:
                shorter = tree.replaced(shorter, node.span, "")
        yield shorter


def _header(text: str, definition: ast.Definition) -> Iterator[str]:
    """A name of the header, or an input, less."""
    for parts in (definition.header, definition.formals):
        for index, part in enumerate(parts):
            if len(parts) == 1:
                continue
            if index:
                yield text[: parts[index - 1].span.end] + text[part.span.end :]
            else:
                yield text[: part.span.start] + text[parts[1].span.start :]
    last = definition.body[-1] if definition.body else None
    if isinstance(last, ast.Return) and len(last.values) == 2:
        first, second = last.values, definition.results
        for keep in (0, 1):
            shorter = tree.replaced(
                text, ast.Span(first[0].span.start, first[1].span.end),
                tree.piece(text, first[keep]),
            )  # fmt: skip
            yield tree.replaced(
                shorter, ast.Span(second[0].span.start, second[1].span.end),
                tree.piece(text, second[keep]),
            )  # fmt: skip


def _inside(text: str, body: tuple[ast.Statement, ...]) -> str:
    return text[body[0].span.start : body[-1].span.end] if body else ""


def _simpler(text: str, root: ast.Program) -> Iterator[str]:
    """An expression replaced by an operand, by a name or by a number."""
    for definition in root.definitions:
        inputs, bound = [f.name.id for f in definition.formals], _bound(definition)
        for e in tree.values(ast.Program(definition.span, (definition,))):
            own = tree.piece(text, e)
            # a name gives way to those above its own equation, so that this comes to an end
            start: int = e.span.start
            names = [*inputs, *(n for n, at in bound.items() if at < bound.get(own, start))]
            for operand in tree.operands(e):
                yield tree.replaced(text, e.span, _held(text, e, operand))
            if not isinstance(e, ast.Name | ast.Number):
                for name in [*names, "1"]:
                    yield tree.replaced(text, e.span, name)
            elif own not in inputs and own not in ("1", "0", "t", "j"):
                for name in names:
                    yield tree.replaced(text, e.span, name)
            if isinstance(e, ast.Attend) and len(e.fields) > 2:
                for field in e.fields:
                    yield tree.replaced(text, field.span, "")


def _bound(definition: ast.Definition) -> dict[str, int]:
    """Names of equations, and where the first of each ends: from there on it may be read."""
    found: dict[str, int] = {}
    for s in tree.statements(ast.Program(definition.span, (definition,))):
        if isinstance(s, ast.Equation):
            for target in s.targets:
                found.setdefault(target.id, s.span.end)
    return found


def _held(text: str, e: ast.Expr, operand: ast.Expr) -> str:
    """The operand's text, in parentheses where it might come apart."""
    shown = tree.piece(text, operand)
    atomic = isinstance(operand, ast.Name | ast.Number | ast.Call | ast.Paren | ast.Index)
    return shown if atomic or isinstance(e, ast.Paren | ast.Call) else f"({shown})"


def _numbers(program: Program) -> Iterator[Program]:
    """Smaller sizes and blocks, and no sizes that the definition does not have."""
    for index, (name, size) in enumerate(program.sizes):
        rest = (*program.sizes[:index], *program.sizes[index + 1 :])
        yield replace(program, sizes=rest)
        for smaller in sorted({1, size - 1}):
            if 1 <= smaller < size:
                changed = (*program.sizes[:index], (name, smaller), *program.sizes[index + 1 :])
                yield replace(program, sizes=changed)
    for chunk in (1, 2, 3, 4):
        if chunk < program.chunk:
            yield replace(program, chunk=chunk)
