"""Text to syntax tree. Never raises for a bad text: what can be read is, the rest is diagnosed.

A whole parse is tried first. When it fails, the text is cut into definitions and these into
statements by brackets and keywords alone; each piece is parsed by itself, so that one slip costs
one statement and every independent error of a file is reported in one run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from asiarch.language import ast
from asiarch.language.diagnostics import Diagnostic
from asiarch.language.limits import DEPTH, scan
from asiarch.language.source import Source


@dataclass(frozen=True, slots=True)
class ParseResult:
    """`program` holds what was read; `broken` names definitions that were not."""

    program: ast.Program
    diagnostics: tuple[Diagnostic, ...]
    source: Source
    broken: frozenset[str] = frozenset()


def parse(text: str, filename: str = "<text>") -> ParseResult:
    """The syntax tree of a text, and what is wrong with it."""
    source = Source(text, filename)
    empty = ast.Program(ast.Span(0, len(text)), ())
    problems = scan(text, filename)
    if problems:
        return ParseResult(empty, tuple(problems), source)
    pieces = Pieces(text, filename)
    whole = pieces.attempt("start", 0, len(text))
    if whole is not None:
        return ParseResult(whole, tuple(pieces.diagnostics), source)
    from asiarch.language.recover import recover

    program, diagnostics, broken = recover(pieces)
    return ParseResult(program, tuple(diagnostics), source, broken)


class Pieces:
    """Parses pieces of one text; positions are those of the whole text."""

    def __init__(self, text: str, file: str) -> None:
        self.text, self.file = text, file
        self.diagnostics: list[Diagnostic] = []
        self.error: Any = None

    def attempt(self, start: str, begin: int, end: int) -> Any:
        """The tree of `text[begin:end]` as `start`, or None with the error kept."""
        from lark.exceptions import UnexpectedInput, VisitError

        from asiarch.language.tables import parser
        from asiarch.language.tree import Builder, TooDeep

        # Blanks keep every position right: what stands before the piece is white space to the
        # lexer.
        padded = " " * begin + self.text[begin:end] if begin else self.text[:end]
        builder = Builder(self.text, self.file)
        try:
            made = builder.transform(parser().parse(padded, start=start))
        except UnexpectedInput as error:
            self.error = error
            return None
        except VisitError as error:
            if not isinstance(error.orig_exc, TooDeep):
                raise
            self.diagnostics.append(_too_deep(error.orig_exc.span, self.file))
            self.error = None
            return None
        self.diagnostics += builder.notes
        return made


def _too_deep(span: ast.Span, file: str) -> Diagnostic:
    return Diagnostic(
        "E0011",
        f"an expression nests deeper than {DEPTH}",
        ast.Span(span.start, min(span.end, span.start + 1)),
        help="bind inner parts to names",
        file=file,
    )
