"""Documents that know where they may break, and the one way to lay them out in a width.

After Wadler, "A prettier printer" (2003). Knows nothing of the language. A group stays on its line
when it fits up to the next place that breaks for sure; else its own breaks, and only those, become
new lines.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Break:
    """A place for a new line: `flat` where the group fits. `hard` breaks always."""

    flat: str = " "
    hard: bool = False


@dataclass(frozen=True, slots=True)
class Nest:
    """New lines inside start two columns further right."""

    inner: Doc


@dataclass(frozen=True, slots=True)
class Group:
    inner: Doc


Doc: TypeAlias = "str | Break | Nest | Group | tuple[Doc, ...]"

SPACE, CUT, HARD = Break(), Break(""), Break(hard=True)
STEP = 2


def join(separator: Doc, docs: Iterable[Doc]) -> Doc:
    parts: list[Doc] = []
    for doc in docs:
        parts += [separator, doc] if parts else [doc]
    return tuple(parts)


def fill(docs: Iterable[Doc]) -> Doc:
    """Items with commas, as many on a line as fit."""
    parts: list[Doc] = []
    for doc in docs:
        parts.append((",", Group((SPACE, doc))) if parts else doc)
    return tuple(parts)


def bracketed(opening: str, inner: Doc, closing: str) -> Doc:
    """Brackets whose content moves to lines of its own when it does not fit."""
    return Group((opening, Nest((CUT, inner)), CUT, closing))


def lay_out(doc: Doc, width: int, indent: int = 0) -> str:
    """The text of `doc`, whose first line starts at column `indent` (not printed)."""
    out: list[str] = []
    column = indent
    todo: list[tuple[int, bool, Doc]] = [(indent, False, doc)]
    while todo:
        margin, flat, item = todo.pop()
        if isinstance(item, str):
            out.append(item)
            column += len(item)
        elif isinstance(item, tuple):
            todo += [(margin, flat, part) for part in reversed(item)]
        elif isinstance(item, Nest):
            todo.append((margin + STEP, flat, item.inner))
        elif isinstance(item, Group):
            fits = flat or _fits(item.inner, todo, width - column)
            todo.append((margin, fits, item.inner))
        elif flat and not item.hard:
            out.append(item.flat)
            column += len(item.flat)
        else:
            out.append("\n" + " " * margin)
            column = margin
    return "".join(out)


def _fits(doc: Doc, rest: list[tuple[int, bool, Doc]], room: int) -> bool:
    """Does `doc` on one line, with what follows up to the next sure break, fit in `room`?"""
    todo: list[tuple[bool, Doc]] = [(True, doc)]
    follow = len(rest)
    while room >= 0:
        if not todo:
            if follow == 0:
                return True
            follow -= 1
            _, flat, doc = rest[follow]
            todo.append((flat, doc))
            continue
        flat, item = todo.pop()
        if isinstance(item, str):
            room -= len(item)
        elif isinstance(item, tuple):
            todo += [(flat, part) for part in reversed(item)]
        elif isinstance(item, Nest | Group):
            todo.append((flat, item.inner))
        elif item.hard or not flat:
            return True
        else:
            room -= len(item.flat)
    return False
