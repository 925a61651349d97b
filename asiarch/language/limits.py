"""Stated limits, and the linear scan that keeps the two that must hold before the lexer runs.

64 KiB of source and brackets nested 64 deep are settled here; names, numbers and the depth of
expressions (long chains included) while tokens and trees are made. Whatever passes is parsed,
elaborated and analysed in bounded time, without deep recursion.
"""

from __future__ import annotations

import re

from asiarch.language.ast import Span
from asiarch.language.diagnostics import Diagnostic

SOURCE_BYTES = 64 * 1024
NESTING = 64
DIGITS = 19
EXPONENT = 300
NAME_LENGTH = 128
DEPTH = 256  # of a tree of expressions and blocks
MOST = 25  # diagnostics of one text

_BRACKET = re.compile(r"#[^\n\r]*|[()\[\]{}]")


def scan(text: str, file: str) -> Diagnostic | None:
    """The limit of size or nesting that the text breaks; nothing is read then."""
    size = len(text)
    if size <= SOURCE_BYTES:
        size = len(text.encode("utf-8", "surrogatepass"))
    if size > SOURCE_BYTES:
        message = f"the source has {size} bytes; at most {SOURCE_BYTES} are read"
        help = "split it into files and `use` them"
        return Diagnostic("E0010", message, Span(0, 0), help=help, file=file)
    depth = 0
    for match in _BRACKET.finditer(text):
        token = match.group()
        if token in "([{":
            depth += 1
            if depth > NESTING:
                return too_deep(Span(match.start(), match.end()), f"brackets nest {NESTING}", file)
        elif token in ")]}":
            depth = max(0, depth - 1)
    return None


def too_deep(span: Span, what: str, file: str) -> Diagnostic:
    message = f"{what} deep at most"
    return Diagnostic("E0011", message, span, help="give inner parts names of their own", file=file)
