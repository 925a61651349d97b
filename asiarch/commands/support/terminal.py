"""What the terminal shows: diagnostics in colour where there is one, text in columns."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TextIO

from asiarch.language.diagnostics import Diagnostic, render
from asiarch.language.source import Source

if TYPE_CHECKING:
    from collections.abc import Mapping

BOLD, DIM, GREEN, RED, RESET = "\x1b[1m", "\x1b[2m", "\x1b[32m", "\x1b[1;31m", "\x1b[0m"
WIDEST = 48


def colored(stream: TextIO) -> bool:
    """Whether the stream is a terminal that wants colour (see no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(text: str, style: str, on: bool) -> str:
    return f"{style}{text}{RESET}" if on and text else text


def harmless(text: str) -> str:
    """A model's text without what would move a terminal's cursor or change its state."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text)


def print_diagnostics(
    diagnostics: Iterable[Diagnostic],
    source: Source | None,
    stream: TextIO | None = None,
    others: Mapping[str, Source] | None = None,
) -> None:
    """Each diagnostic over the text that it speaks of; `others`: files that `use` brought in."""
    shown = sys.stdout if stream is None else stream
    color = colored(shown)
    for diagnostic in diagnostics:
        place = source_of(diagnostic, source, others)
        if place is None:
            where = f" ({diagnostic.file})" if diagnostic.file else ""
            text = f"{diagnostic.severity}[{diagnostic.code}]: {diagnostic.message}{where}"
            text += f"\n  = help: {diagnostic.help}" if diagnostic.help else ""
        else:
            text = render(diagnostic, place, color)
        print(f"{text}\n", file=shown)


def source_of(
    diagnostic: Diagnostic, source: Source | None, others: Mapping[str, Source] | None = None
) -> Source | None:
    """The text of the file that a diagnostic is about, when it is at hand."""
    if source is not None and diagnostic.file in (None, source.filename):
        return source
    known = (others or {}).get(diagnostic.file or "")
    if known is None and diagnostic.file and os.path.isfile(diagnostic.file):
        with open(diagnostic.file, encoding="utf-8", newline="") as stream:
            known = Source(stream.read(), diagnostic.file)
    return known


def columns(rows: Sequence[Sequence[str]], widest: int = WIDEST, gap: int = 2) -> list[str]:
    """Rows with every column as wide as its widest cell that is not longer than `widest`."""
    if not rows:
        return []
    fitting = [[len(cell) if len(cell) <= widest else 0 for cell in row] for row in rows]
    widths = [max(r[i] for r in fitting if i < len(r)) for i in range(max(map(len, rows)))]
    return [
        (" " * gap).join(cell.ljust(w) for cell, w in zip(row, widths, strict=False)).rstrip()
        for row in rows
    ]
