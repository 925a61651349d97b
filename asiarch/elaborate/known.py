"""What elaborating a piece of syntax gave, for the next text in which it means the same.

Texts that are read by pieces (`asiarch.language.pieces`) share the syntax of their statements. A
statement gives the same nodes where its names, the axes, the states and the header are the same; a
definition gives the same function where it stands at the same place and calls the same. Only what
went without a word is kept, so an error is always found by elaborating. Everything that is compared
by its place in memory is held here, and dropped together between two texts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from functools import cache
from typing import TYPE_CHECKING, Any

from asiarch.elaborate.scope import StateName, Static, Value
from asiarch.ir.function import Function, ParamInfo
from asiarch.ir.node import Node
from asiarch.ir.size import Size
from asiarch.language import ast
from asiarch.language.ast import Span

if TYPE_CHECKING:
    from asiarch.elaborate.builder import Builder
    from asiarch.elaborate.program import Elaborator

MOST = 8_192
"""Statements and definitions that are kept."""
PLAIN = frozenset({"span", "op_span", "id", "text"})
"""Fields of syntax that hold none."""


@dataclass(frozen=True, slots=True)
class Mentions:
    """Names and operators in a statement. `attends`: it holds an `attend`, whose body shares the
    axes of the whole definition, those that come later too.
    """

    statement: ast.Statement
    names: tuple[str, ...]
    called: tuple[str, ...]
    attends: bool


@dataclass(frozen=True, slots=True)
class Done:
    """What elaborating the values of a statement gave, and did to the builder."""

    results: tuple[Node, ...]
    spans: tuple[tuple[Node, Span], ...]
    params: tuple[ParamInfo, ...]
    bindings: tuple[tuple[str, str, str], ...]
    axes: tuple[tuple[str, Size], ...]

    def to(self, b: Builder) -> list[Node]:
        for node, span in self.spans:
            b.spans.setdefault(node, span)
        for param in self.params:
            b.declare(param)
        b.bindings += self.bindings
        b.axes.update(self.axes)
        return list(self.results)


@dataclass(slots=True)
class Memory:
    """Of one checker of many texts. `numbers`: of definitions with all that they call."""

    statements: dict[tuple[Any, ...], Done] = field(default_factory=dict[tuple[Any, ...], Done])
    functions: dict[int, Function] = field(default_factory=dict[int, Function])
    numbers: dict[tuple[Any, ...], tuple[int, ast.Definition]] = field(
        default_factory=dict[tuple[Any, ...], tuple[int, ast.Definition]]
    )
    mentioned: dict[int, Mentions] = field(default_factory=dict[int, Mentions])

    era: int = 0

    def tidy(self, era: int) -> None:
        """Drop everything where there is too much, or where instances of the prelude's definitions
        were dropped since: what is made from now on holds others. Between two texts.
        """
        kept = len(self.statements) + len(self.numbers)
        if era != self.era or kept > MOST or len(self.mentioned) > 2 * MOST:
            self.era = era
            for table in (self.statements, self.functions, self.numbers, self.mentioned):
                table.clear()

    def mentions(self, statement: ast.Statement) -> Mentions:
        found = self.mentioned.get(id(statement))
        if found is None:
            found = self.mentioned[id(statement)] = _mentions(statement)
        return found

    def number(self, elaborator: Elaborator, file: str, syntax: ast.Definition) -> int | None:
        """One for each definition with what it calls; None for what is not kept."""
        head = head_of(elaborator, file, syntax)
        called: list[tuple[str, int]] = []
        for name in dict.fromkeys(n for s in syntax.body for n in self.mentions(s).called):
            number = elaborator.known_number(file, name)
            if number is None:
                return None
            called.append((name, number))
        key = (file, syntax.span.start, head, tuple([id(s) for s in syntax.body]), tuple(called))
        return self.numbers.setdefault(key, (len(self.numbers), syntax))[0]


def head_of(elaborator: Elaborator, file: str, syntax: ast.Definition) -> str:
    """The text of a definition up to its body."""
    text, start = elaborator.text(file), syntax.span.start
    last = (*syntax.header, *syntax.formals, *syntax.results, *syntax.claims, syntax.name)
    return text[start : text.index("{", max(node.span.end for node in last))]


def elaborated(b: Builder, statement: ast.Statement, make: Callable[[], list[Node]]) -> list[Node]:
    """`make()`, the values of a statement, or what that was where all that it reads was the same.
    A statement has one list of values.
    """
    memory = b.elaborator.memory
    key = None if memory is None or not b.head else _key(b, memory, memory.mentions(statement))
    if memory is None or key is None:
        return make()
    found = memory.statements.get(key)
    return found.to(b) if found is not None else _first(b, memory, key, make)


def _key(b: Builder, memory: Memory, mentions: Mentions) -> tuple[Any, ...] | None:
    if mentions.attends:
        return None
    meanings: list[Any] = []
    for name in mentions.names:
        match b.scope.find(name):
            case None:
                meanings.append(None)
            case Value(node=node):
                meanings.append(node)
            case StateName(leaf=leaf, current=current, initial=initial):
                meanings.append((leaf, current, initial))
            case Static(size=size, axis=axis):
                meanings.append((size, axis))
            case _:
                return None
    for name in mentions.called:
        number = b.elaborator.known_number(b.file or "", name)
        if number is None or (number >= 0 and number not in memory.functions):
            return None
        meanings.append(number)
    states = tuple([s.leaf for s in b.states])
    return (
        b.file,
        b.head,
        b.target,
        id(mentions.statement),
        states,
        tuple(meanings),
        tuple(b.axes.items()),
    )


def _first(
    b: Builder, memory: Memory, key: tuple[Any, ...], make: Callable[[], list[Node]]
) -> list[Node]:
    """Elaborate, and keep what was said to the builder: all of it, not only what was new to it."""
    elaborator, axes, states = b.elaborator, len(b.axes), len(b.states)
    said, failed = len(elaborator.diagnostics), elaborator.failed
    spans, params, bindings = b.spans, b.params, b.bindings
    b.spans, b.params, b.bindings = {}, [], []
    try:
        results = make()
    finally:
        done = (tuple(b.spans.items()), tuple(b.params), tuple(b.bindings))
        b.spans, b.params, b.bindings = spans, params, bindings
        for node, span in done[0]:
            b.spans.setdefault(node, span)
        for param in done[1]:
            b.declare(param)
        b.bindings += done[2]
    quiet = said == len(elaborator.diagnostics) and failed == elaborator.failed
    if quiet and states == len(b.states):
        added = tuple(list(b.axes.items())[axes:])
        memory.statements[key] = Done(tuple(results), *done, added)
    return results


def _mentions(statement: ast.Statement) -> Mentions:
    names: dict[str, None] = {}
    called: dict[str, None] = {}
    attends = False
    for node in _nodes(statement):
        match node:
            case ast.Name():
                names[node.id] = None
            case ast.Call() | ast.Pipe():
                called[node.name.id] = None
            case ast.Share():
                called[node.op.id] = None
            case ast.Attend():
                attends = True
            case _:
                continue
    return Mentions(statement, tuple(names), tuple(called), attends)


def _nodes(root: ast.Statement) -> Iterator[Any]:
    stack: list[Any] = [root]
    while stack:
        node = stack.pop()
        yield node
        for name in _parts(type(node)):
            part = getattr(node, name)
            if isinstance(part, tuple):
                stack += part
            elif part is not None:
                stack.append(part)


@cache
def _parts(kind: type) -> tuple[str, ...]:
    """Fields that hold syntax."""
    if not hasattr(kind, "__dataclass_fields__"):
        return ()
    return tuple(f.name for f in fields(kind) if f.name not in PLAIN)
