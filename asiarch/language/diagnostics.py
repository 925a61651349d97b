"""What is said about a program: the record of a diagnostic, and its forms as text and as JSON.

Decides how a diagnostic looks; refuses to know how any was found. The text form follows rustc:

    error[E0301]: `o` reads the future
      --> pooled.asi:7:7
     4 |   m = mean[time](k)
       |       ------------- reads every token of the sequence
     7 |   o = q @ (m * v)
       |       ^^^^^^^^^^^ and flows into `o` here
       = help: `cummean[time](k)` lets t see only what came before
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from asiarch.language.ast import Span
from asiarch.language.source import Source

WIDTH = 120  # columns of a source line that are shown; longer ones are clipped around the span
SHOWN = 20  # diagnostics that the text of a SpecError spells out
RED, BLUE, BOLD, RESET = "\x1b[1;31m", "\x1b[1;34m", "\x1b[1m", "\x1b[0m"


@dataclass(frozen=True, slots=True)
class Label:
    """A second place and what it has to do with the first."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Fix:
    """An edit that a machine may apply: put `replacement` in place of `span`."""

    span: Span
    replacement: str


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One thing to say about a program. `code` is stable and has a page (`explain`)."""

    code: str
    message: str
    span: Span
    label: str = ""
    secondary: tuple[Label, ...] = ()
    help: str | None = None
    fix: Fix | None = None
    witness: Mapping[str, object] | None = None
    note: str | None = None
    severity: str = "error"
    file: str | None = None


class SpecError(Exception):
    """A program that cannot be used. `diagnostics` says why; the text shows them all."""

    def __init__(self, diagnostics: Iterable[Diagnostic], source: Source | None = None) -> None:
        self.diagnostics = tuple(diagnostics)
        self.source = source
        super().__init__(self.diagnostics)

    def __str__(self) -> str:
        shown = [self._one(d) for d in self.diagnostics[:SHOWN]]
        if len(self.diagnostics) > SHOWN:
            shown.append(f"and {len(self.diagnostics) - SHOWN} more")
        return "\n\n".join(shown)

    def _one(self, diagnostic: Diagnostic) -> str:
        if self.source is not None and diagnostic.file in (None, self.source.filename):
            return render(diagnostic, self.source)
        where = f" ({diagnostic.file})" if diagnostic.file else ""
        text = f"{diagnostic.severity}[{diagnostic.code}]: {diagnostic.message}{where}"
        return text + (f"\n  = help: {diagnostic.help}" if diagnostic.help else "")


def apply_fixes(text: str, fixes: Iterable[Fix]) -> str:
    """`text` with every fix applied that does not overlap one further left."""
    parts: list[str] = []
    at = 0
    for fix in sorted(fixes, key=lambda f: (f.span.start, f.span.end)):
        if fix.span.start < at:
            continue
        parts += [text[at : fix.span.start], fix.replacement]
        at = fix.span.end
    return "".join(parts) + text[at:]


def render(diagnostic: Diagnostic, source: Source, color: bool = False) -> str:
    """The diagnostic with the lines that it speaks of, carets below them, and its notes."""
    paint = _Paint(color)
    at = source.position(diagnostic.span.start)
    marks = _marks(diagnostic, source)
    gutter = len(str(max(m.line for m in marks)))
    severity = paint(RED, f"{diagnostic.severity}[{diagnostic.code}]")
    file = visible(diagnostic.file or source.filename)
    lines = [
        f"{severity}: {paint(BOLD, visible(diagnostic.message))}",
        f"{' ' * gutter} {paint(BLUE, '-->')} {file}:{at.line}:{at.column}",
    ]
    previous = 0
    for mark in marks:
        if mark.line != previous:
            lines.append(f"{paint(BLUE, f'{mark.line:>{gutter + 1}} |')} {mark.text}".rstrip())
            previous = mark.line
        bar = paint(BLUE, f"{' ' * (gutter + 1)} |")
        carets = paint(RED if mark.sign == "^" else BLUE, f"{mark.sign * mark.width} {mark.label}")
        lines.append(f"{bar} {' ' * mark.indent}{carets.rstrip()}")
    edge = f"{' ' * (gutter + 1)} {paint(BLUE, '=')}"
    lines += [f"{edge} {kind}: {visible(text)}" for kind, text in _notes(diagnostic, source)]
    return "\n".join(lines)


def as_json(diagnostic: Diagnostic, source: Source) -> dict[str, object]:
    """The record of `--json`: lines and columns from 1, ends exclusive, absent keys left out."""
    record: dict[str, object] = {
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        "file": diagnostic.file or source.filename,
        **_place(diagnostic.span, source),
    }
    if diagnostic.label:
        record["label"] = diagnostic.label
    if diagnostic.secondary:
        record["labels"] = [
            {"text": label.text, **_place(label.span, source)} for label in diagnostic.secondary
        ]
    if diagnostic.fix is not None:
        place = _place(diagnostic.fix.span, source)
        record["fix"] = {"replacement": diagnostic.fix.replacement, **place}
    if diagnostic.witness is not None:
        record["witness"] = dict(diagnostic.witness)
    optional = {"help": diagnostic.help, "note": diagnostic.note}
    return record | {key: value for key, value in optional.items() if value is not None}


def visible(text: str) -> str:
    """`text` with what would move a terminal's cursor or hide shown as a replacement sign."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c == "\t" else "\ufffd" for c in text)


class _Paint:
    def __init__(self, on: bool) -> None:
        self.on = on

    def __call__(self, color: str, text: str) -> str:
        return f"{color}{text}{RESET}" if self.on else text


@dataclass(frozen=True, slots=True)
class _Mark:
    line: int
    text: str
    indent: int
    width: int
    sign: str
    label: str


def _marks(diagnostic: Diagnostic, source: Source) -> Sequence[_Mark]:
    marks = [_mark(diagnostic.span, diagnostic.label, "^", source)]
    marks += [_mark(label.span, label.text, "-", source) for label in diagnostic.secondary]
    return sorted(marks, key=lambda m: (m.line, m.indent))


def _mark(span: Span, label: str, sign: str, source: Source) -> _Mark:
    """One underlined place; a span of several lines is marked on its first."""
    at = source.position(span.start)
    line = source.line(at.line)
    before = at.column - 1
    length = max(1, min(span.end - span.start, len(line) - before))
    first = max(0, before + min(length, WIDTH // 2) - WIDTH + 8)
    shown = visible(line[first : first + WIDTH])
    indent = _columns(visible(line[first:before]))
    covered = visible(line[before : before + length])[: max(1, first + WIDTH - before)]
    if first:
        shown, indent = f"...{shown}", indent + 3
    if first + WIDTH < len(line):
        shown = f"{shown}..."
    return _Mark(at.line, shown, indent, max(1, _columns(covered)), sign, visible(label))


def _columns(text: str) -> int:
    """Terminal columns of `text`: wide characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF")
        for c in text
    )


def _notes(diagnostic: Diagnostic, source: Source) -> list[tuple[str, str]]:
    notes: list[tuple[str, str]] = []
    if diagnostic.witness is not None:
        notes.append(("witness", _witness(diagnostic.witness)))
    if diagnostic.help is not None:
        notes.append(("help", diagnostic.help))
    elif diagnostic.fix is not None:
        notes.append(("help", _fix(diagnostic.fix, source)))
    if diagnostic.note is not None:
        notes.append(("note", diagnostic.note))
    return notes


def _fix(fix: Fix, source: Source) -> str:
    old = source.slice(fix.span)
    if not old.strip():
        return f"add `{fix.replacement.strip()}`"
    if not fix.replacement.strip():
        return f"remove `{old}`"
    return f"write `{fix.replacement}` for `{old}`"


def _witness(witness: Mapping[str, object]) -> str:
    if {"changed_token", "affected_token"} <= witness.keys():
        what = witness.get("affected", "the result")
        length = f"T = {witness['T']}: " if "T" in witness else ""
        changed, affected = witness["changed_token"], witness["affected_token"]
        return f"{length}changing token {changed} changes {what} at token {affected}"
    return ", ".join(f"{key} = {value}" for key, value in witness.items())


def _place(span: Span, source: Source) -> dict[str, object]:
    start, end = source.position(span.start), source.position(max(span.start, span.end))
    return {
        "line": start.line,
        "column": start.column,
        "end_line": end.line,
        "end_column": end.column,
    }
