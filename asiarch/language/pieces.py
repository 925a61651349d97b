"""Texts that share most of their lines: what was read once is not read again.

`Pieces.parse` gives what `parse` gives, places included. A text without comments is cut into heads
of definitions and statements, each read by itself and moved to its place; who needs no places
saves the moving, which is most of what is left. A piece that does not read cleanly by itself, for
whatever reason, sends the whole text to `parse`.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from functools import cache
from typing import Any, TypeAlias, cast

from asiarch.language import ast
from asiarch.language.limits import scan
from asiarch.language.parser import ParseResult, parse
from asiarch.language.source import Source

KEPT = 20_000
BEFORE = "op f() {\n"
AFTER = "\n}\n"
REST = "\nreturn x\n}\n"
BRACKET = re.compile(r"[()\[\]{}]")

Cut: TypeAlias = tuple[str, int, int]
"""What it is (use, head, body, end), and where it stands."""


class Unread(Exception):
    """A piece that does not read cleanly by itself."""


@dataclass(slots=True)
class Pieces:
    """Syntax of pieces by their text, each where it was read, with the place where it begins."""

    known: OrderedDict[tuple[str, str], tuple[Any, int]] = field(
        default_factory=OrderedDict[tuple[str, str], "tuple[Any, int]"]
    )

    def parse(self, text: str, filename: str = "<text>", *, places: bool = True) -> ParseResult:
        """The syntax tree of a text, as `parse` gives it. Without `places` every statement stands
        where it was read by itself: what shows a piece of a body to somebody must parse again.
        """
        if "#" not in text and scan(text, filename) is None:
            try:
                items = tuple(self._items(text, places))
            except Unread:
                return parse(text, filename)
            program = ast.Program(ast.Span(0, len(text)), items)
            return ParseResult(program, (), Source(text, filename))
        return parse(text, filename)

    def _items(self, text: str, places: bool) -> Iterator[ast.Use | ast.Definition]:
        head: ast.Definition | None = None
        body: list[ast.Statement] = []
        for kind, start, end in _cuts(text):
            piece = text[start:end]
            match kind:
                case "use":
                    yield self._at("use", piece, start if places else None)
                case "head":
                    head, body = self._at("head", piece, start), []
                case "body":
                    body += self._at("body", piece, start if places else None)
                case _:
                    if head is None or not body:
                        raise Unread
                    yield replace(head, span=ast.Span(head.span.start, end), body=tuple(body))
                    head = None
        if head is not None:
            raise Unread

    def _at(self, kind: str, piece: str, place: int | None) -> Any:
        """The syntax of a piece at a place, or wherever it was read."""
        syntax, begins = self._kept(kind, piece)
        if place is None or place == begins:
            return syntax
        if kind != "head":
            return moved(syntax, place - begins)
        there = (f"head at {place}", piece)  # heads are always moved, and stand at few places
        known = self.known.get(there)
        if known is None:
            known = self._keep(there, (moved(syntax, place - begins), place))
        return known[0]

    def _kept(self, kind: str, piece: str) -> tuple[Any, int]:
        found = self.known.get((kind, piece))
        return found if found is not None else self._keep((kind, piece), _read(kind, piece))

    def _keep(self, key: tuple[str, str], made: tuple[Any, int]) -> tuple[Any, int]:
        self.known[key] = made
        if len(self.known) > KEPT:
            self.known.popitem(last=False)
        return made


def _cuts(text: str) -> Iterator[Cut]:
    """Pieces in order; raises Unread for a layout of another kind."""
    depth, start, at = 0, -1, 0
    inside = False
    for line in text.splitlines(keepends=True):
        shown = line.strip()
        first, end = at + len(line) - len(line.lstrip()), at + len(line.rstrip())
        at += len(line)
        if not shown:
            continue
        if start < 0:
            start = first
        for bracket in BRACKET.findall(shown):
            depth += 1 if bracket in "([{" else -1
        if inside and depth == 0:
            if shown != "}" or start != first:
                raise Unread
            yield "end", first, end
            inside, start = False, -1
        elif inside and depth == 1:
            yield "body", start, end
            start = -1
        elif not inside and depth == 1 and shown.endswith("{"):
            yield "head", start, end
            inside, start = True, -1
        elif not inside and depth == 0 and shown.startswith("use ") and start == first:
            yield "use", start, end
            start = -1
    if start >= 0 or depth:
        raise Unread


def _read(kind: str, piece: str) -> tuple[Any, int]:
    """A piece by itself, and where it begins."""
    text = {"use": piece, "head": piece + REST, "body": BEFORE + piece + AFTER}[kind]
    result = parse(text)
    if result.diagnostics or result.broken or len(result.program.items) != 1:
        raise Unread
    item = result.program.items[0]
    if kind == "use":
        return item, 0
    if not isinstance(item, ast.Definition):
        raise Unread
    return (item, 0) if kind == "head" else (item.body, len(BEFORE))


def moved(node: Any, by: int) -> Any:
    """The same syntax, further along its text."""
    if isinstance(node, ast.Span):
        return ast.Span(node.start + by, node.end + by)
    if isinstance(node, tuple):
        return tuple([moved(n, by) for n in cast("tuple[Any, ...]", node)])
    kind = cast("type[Any]", type(node))
    names = _fields(kind)
    return kind(*[moved(getattr(node, n), by) for n in names]) if names else node


@cache
def _fields(kind: type) -> tuple[str, ...]:
    return tuple(f.name for f in fields(kind)) if hasattr(kind, "__dataclass_fields__") else ()
