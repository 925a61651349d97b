"""After a failed parse: definitions and statements by themselves, one diagnostic for each that
fails.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from asiarch.language import ast
from asiarch.language.diagnostics import Diagnostic
from asiarch.language.parser import Pieces
from asiarch.language.slips import FOREIGN, explain_error

_DEFINITION = re.compile(r"^[ \t]*(op|model|use)\b", re.MULTILINE)
_WORD = re.compile(r"#[^\n]*|[A-Za-z_][A-Za-z0-9_]*|[^\sA-Za-z_#]|\n")
_STATEMENT = re.compile(
    r"(param|state|share|return|loss|for|if)\b|[A-Za-z_]\w*'?(\s*,\s*[A-Za-z_]\w*'?)*\s*[:+*/-]?=(?!=)"
)
MOST = 25


def recover(pieces: Pieces) -> tuple[ast.Program, list[Diagnostic], frozenset[str]]:
    """What of the text can be read, every independent error, and the definitions that cannot."""
    text = pieces.text
    starts = [m.start(1) for m in _DEFINITION.finditer(text) if not _commented(text, m.start(1))]
    items: list[Any] = []
    broken: set[str] = set()
    pieces.diagnostics.clear()
    head = text[: starts[0]] if starts else text
    if _visible(head):
        _report(pieces, "start", 0, len(head), "a file holds `use`, `op` and `model`")
    for begin, end in zip(starts, [*starts[1:], len(text)], strict=True):
        item = _definition(pieces, begin, end, broken)
        if item is not None:
            items.append(item)
        if len(pieces.diagnostics) >= MOST:
            break
    if not pieces.diagnostics:
        _report(pieces, "start", 0, len(text), "")
    program = ast.Program(ast.Span(0, len(text)), tuple(items))
    found = sorted(
        {d.span.start: d for d in pieces.diagnostics}.values(), key=lambda d: d.span.start
    )
    return program, found[:MOST], frozenset(broken)


def _commented(text: str, place: int) -> bool:
    return "#" in text[text.rfind("\n", 0, place) + 1 : place]


def _visible(text: str) -> bool:
    return any(line.split("#")[0].strip() for line in text.splitlines())


def _definition(pieces: Pieces, begin: int, end: int, broken: set[str]) -> Any:
    kind = re.match(r"op|model|use", pieces.text[begin:end])
    assert kind is not None
    made = pieces.attempt(kind.group(), begin, end)
    if made is not None or kind.group() == "use":
        if made is None:
            _report_error(pieces, begin, end, "")
        return made
    opening = _body_start(pieces.text, begin, end)
    name = re.match(r"\w+\s+([A-Za-z_]\w*)", pieces.text[begin:end])
    if opening is None:
        _report_error(pieces, begin, end, "")
        if name is not None:
            broken.add(name.group(1))
        return None
    head = pieces.text[begin : opening + 1] + "}"
    shell = _head(pieces, kind.group(), begin, head)
    _stray(pieces, opening, end)
    body = list(_statements(pieces, opening + 1, end))
    if shell is None:
        if name is not None:
            broken.add(name.group(1))
        return None
    return replace(shell, body=tuple(body), span=ast.Span(begin, end))


def _stray(pieces: Pieces, opening: int, end: int) -> None:
    """What stands behind a definition's closing brace belongs to nothing."""
    depth = 0
    for match in re.finditer(r"#[^\n]*|[{}]", pieces.text[opening:end]):
        depth += {"{": 1, "}": -1}.get(match.group(), 0)
        if depth == 0 and match.group() == "}":
            rest = opening + match.end()
            word = re.compile(r"(?:\s|#[^\n]*)*([^\s#]+)").match(pieces.text, rest, end)
            if word is not None:
                span = ast.Span(word.start(1), word.end(1))
                help = FOREIGN.get(word.group(1), "a file holds `use`, `op` and `model`")
                message = f"`{word.group(1)}` stands outside of any definition"
                pieces.diagnostics.append(
                    Diagnostic("E0005", message, span, help=help, file=pieces.file)
                )
            return


def _head(pieces: Pieces, kind: str, begin: int, head: str) -> Any:
    """The definition with an empty body; its own errors are reported."""
    shell = Pieces(pieces.text[:begin] + head, pieces.file)
    made = shell.attempt(kind, begin, begin + len(head))
    pieces.diagnostics += shell.diagnostics
    if made is None and shell.error is not None:
        pieces.diagnostics.append(
            explain_error(shell.error, pieces.text, pieces.file, begin, begin + len(head))
        )
    return made


def _body_start(text: str, begin: int, end: int) -> int | None:
    """The `{` of the body: the first at depth 0."""
    depth = 0
    for match in _WORD.finditer(text, begin, end):
        token = match.group()
        if token in "([":
            depth += 1
        elif token in ")]":
            depth = max(0, depth - 1)
        elif token == "{" and depth == 0:
            return match.start()
    brace = text.find("{", begin, end)
    return brace if brace >= 0 else None


def _statements(pieces: Pieces, begin: int, end: int) -> Iterator[Any]:
    """Statements of a body, each parsed by itself; one that fails still binds its names."""
    for start, stop in _cuts(pieces.text, begin, end):
        made = pieces.attempt("statement", start, stop)
        if made is not None:
            yield made
            continue
        if pieces.error is None:
            yield from _bad(pieces, start, stop)
            continue
        error = pieces.error
        inner = _inner_block(pieces, start, stop)
        if inner is not None:
            yield from inner
            continue
        pieces.error = error
        _report_error(pieces, start, stop, "")
        yield from _bad(pieces, start, stop)


def _inner_block(pieces: Pieces, start: int, stop: int) -> list[Any] | None:
    """A loop or branch whose head is right: its statements are read one by one."""
    if not re.match(r"(for|if)\b", pieces.text[start:stop]):
        return None
    opening = _body_start(pieces.text, start, stop)
    if opening is None:
        return None
    kind = pieces.text[start : opening + 1] + "}"
    shell = Pieces(pieces.text[:start] + kind, pieces.file)
    head = shell.attempt("statement", start, start + len(kind))
    if head is None:
        return None
    before = len(pieces.diagnostics)
    body = list(_statements(pieces, opening + 1, stop))
    if len(pieces.diagnostics) == before:
        return None
    if isinstance(head, ast.For):
        return [replace(head, body=tuple(body))]
    return [replace(head, then=tuple(body))]


def _bad(pieces: Pieces, start: int, stop: int) -> Iterator[Any]:
    """A statement that was not read, as an equation of its targets to nothing."""
    span = ast.Span(start, stop)
    match = re.match(r"(?:(?:param|state|share)\s+)?([A-Za-z_]\w*(?:\s*,\s*[A-Za-z_]\w*)*)",
                     pieces.text[start:stop])  # fmt: skip
    if match is None:
        return
    if re.match(r"return\b", pieces.text[start:stop]):
        yield ast.Return(span, (ast.Bad(span),))
        return
    names = [n.strip() for n in match.group(1).split(",")]
    yield ast.Equation(span, tuple(ast.Name(span, n) for n in names), ast.Bad(span))


def _cuts(text: str, begin: int, end: int) -> Iterator[tuple[int, int]]:
    """Where statements begin and end: by keywords and `name =` at the start of a line, and by
    brackets.
    """
    depth, start, fresh = 0, None, True
    for match in _WORD.finditer(text, begin, end):
        token, place = match.group(), match.start()
        if token == "\n":
            fresh = True
            continue
        if token[0] == "#":
            continue
        opens = bool(_STATEMENT.match(text, place, end))
        if opens and depth <= 0 and (fresh or start is None or text[place - 1 : place].isspace()):
            keyword = token in ("param", "state", "share", "return", "loss", "for", "if")
            inside_if = (
                token == "if" and start is not None and text[start:place].rstrip().endswith("else")
            )
            if (fresh or keyword or start is None) and not inside_if:
                if start is not None and text[start:place].strip():
                    yield start, _trimmed(text, start, place)
                start, depth = place, 0
        elif start is None and token != "}":
            start = place
        elif opens and fresh and depth > 0 and _unclosed(text, start or begin, place):
            yield start or begin, _trimmed(text, start or begin, place)
            start, depth = place, 0
        fresh = False
        if token in "([{":
            depth += 1
        elif token in ")]}":
            depth -= 1
            if depth < 0 and token == "}":
                if start is not None and text[start:place].strip():
                    yield start, _trimmed(text, start, place)
                return
    if start is not None and text[start:end].strip():
        yield start, _trimmed(text, start, end)


def _unclosed(text: str, start: int, place: int) -> bool:
    """Is a round or square bracket (no brace) of this statement still open?"""
    depth = 0
    for match in _WORD.finditer(text, start, place):
        token = match.group()
        if token in "([":
            depth += 1
        elif token in ")]":
            depth -= 1
        elif token == "{":
            return False
    return depth > 0


def _trimmed(text: str, start: int, end: int) -> int:
    """The end without trailing blanks and comments' lines."""
    lines = text[start:end].split("\n")
    while len(lines) > 1 and not lines[-1].split("#")[0].strip():
        lines.pop()
    return start + len("\n".join(lines).rstrip())


def _report(pieces: Pieces, kind: str, begin: int, end: int, help: str) -> None:
    if pieces.attempt(kind, begin, end) is None:
        _report_error(pieces, begin, end, help)


def _report_error(pieces: Pieces, begin: int, end: int, help: str) -> None:
    if pieces.error is None:
        return
    found = explain_error(pieces.error, pieces.text, pieces.file, begin, end)
    if help and found.help is None:
        found = replace(found, help=help)
    pieces.diagnostics.append(found)
