"""What is measured: an op with sizes for its free axes, under an id and a name for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from asiarch.language.ast import Definition
from asiarch.language.parser import parse
from asiarch.search.library import Entry, entries

SIZES: Mapping[str, int] = {"H": 2, "layer": 1}
"""Axes that literature leaves open, at the width of the hosts: two heads, the first layer."""


@dataclass(frozen=True, slots=True)
class Design:
    """`id`: of the candidate that it is. `text` defines `op` and all that it calls. `host`: another
    network than the setting's, where it must be the same as somebody else's.
    """

    id: str
    name: str
    text: str
    op: str
    sizes: tuple[tuple[str, int], ...] = ()
    host: str = ""

    def renamed(self, op: str, id: str, name: str) -> Design:
        """The same operator called otherwise: paths of its weights, and so their values, differ.

        A copy is what A/A comparisons train.
        """
        definition = _definition(self.text, self.op)
        start, end = definition.name.span.start, definition.name.span.end
        return replace(self, id=id, name=name, op=op, text=self.text[:start] + op + self.text[end:])


@lru_cache(maxsize=512)
def sizes_of(text: str, op: str) -> tuple[tuple[str, int], ...] | None:
    """Numbers for the axes of a header that `SIZES` has; None where another one has no default."""
    sizes: list[tuple[str, int]] = []
    for entry in _definition(text, op).header:
        name = entry.name.id
        if name in SIZES:
            sizes.append((name, SIZES[name]))
        elif name != "D" and entry.default is None:
            return None
    return tuple(sizes)


def of_library(names: Sequence[str]) -> list[Entry]:
    """Entries of the library by FILE.OP. Raises KeyError, with what is there, for others."""
    known = {e.name: e for e in entries()}
    for name in names:
        if name not in known:
            raise KeyError(f"the library has no mixer {name!r}; it has {', '.join(sorted(known))}")
    return [known[name] for name in names]


def _definition(text: str, op: str) -> Definition:
    return next(d for d in parse(text).program.definitions if d.name.id == op)
