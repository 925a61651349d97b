"""Stated limits, enforced by one linear scan before the lexer sees the text.

64 KiB of source, nesting of 64, numbers of 19 digits, expression trees of depth 256. Whatever
passes is parsed, elaborated and analysed in bounded time, without deep recursion.
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
DEPTH = 256

_OPENING, _CLOSING = "([{", ")]}"
_TOKEN = re.compile(r"#[^\n]*|[A-Za-z_][A-Za-z0-9_]*|[0-9][0-9.]*(?:[eE][+-]?[0-9]+)?|[\s\S]")
_SPELLINGS = {
    "×": "*", "·": "*", "⊙": "*", "−": "-", "–": "-", "≤": "<=", "≥": ">=", "≠": "!=", "→": "->",
    "“": '"', "”": '"', "’": "'", "÷": "/", "∈": "in", "∞": "inf",
}  # fmt: skip


def scan(text: str, file: str) -> list[Diagnostic]:
    """Every limit that the text breaks; nothing is parsed when there is one."""
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > SOURCE_BYTES:
        message = f"the source has {size} bytes; at most {SOURCE_BYTES} are read"
        return [Diagnostic("E0010", message, Span(0, 0), file=file,
                           help="split it into files and `use` them")]  # fmt: skip
    found: list[Diagnostic] = []
    depth = 0
    for match in _TOKEN.finditer(text):
        token, span = match.group(), Span(match.start(), match.end())
        if token in _OPENING:
            depth += 1
            if depth > NESTING:
                message = f"brackets nest deeper than {NESTING}"
                found.append(Diagnostic("E0011", message, span, file=file,
                                        help="bind inner parts to names"))  # fmt: skip
                break
        elif token in _CLOSING:
            depth = max(0, depth - 1)
        else:
            problem = _token_problem(token, span, file)
            if problem is not None:
                found.append(problem)
                if len(found) >= 20:
                    break
    return found


def _token_problem(token: str, span: Span, file: str) -> Diagnostic | None:
    first = token[0]
    if first == "#" or token in " \t\r\n":
        return None
    if first.isascii() and first.isdigit():
        return _number_problem(token, span, file)
    if first.isascii() and (first.isalpha() or first == "_"):
        if len(token) <= NAME_LENGTH:
            return None
        message = f"a name of {len(token)} letters; at most {NAME_LENGTH}"
        return Diagnostic("E0013", message, span, file=file)
    if token in "()[]{}<>=!+-*/%^@,.:|~'\"&;?\\$`":
        return None
    shown = token if token.isprintable() else f"U+{ord(token):04X}"
    near = _SPELLINGS.get(token)
    return Diagnostic(
        "E0012",
        f"the character {shown!r} is not of the language",
        span,
        help=f"write `{near}`"
        if near
        else "names and operators are ASCII; comments may hold anything",
        file=file,
    )


def _number_problem(token: str, span: Span, file: str) -> Diagnostic | None:
    mantissa, _, exponent = token.lower().partition("e")
    digits = sum(c.isdigit() for c in mantissa)
    if digits > DIGITS:
        message = f"a number of {digits} digits; at most {DIGITS}"
        return Diagnostic("E0014", message, span, file=file)
    if exponent and (len(exponent) > 5 or abs(int(exponent)) > EXPONENT):
        message = f"an exponent beyond {EXPONENT}"
        return Diagnostic("E0014", message, span, file=file)
    return None
