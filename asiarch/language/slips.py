"""Syntax errors in words: what was found, what could stand there, and the likely slip behind it."""

from __future__ import annotations

import re
from typing import Any

from asiarch.language.ast import Span
from asiarch.language.diagnostics import Diagnostic, Fix

_WORDS = {
    "NAME": "a name", "NUMBER": "a number", "LPAR": "`(`", "RPAR": "`)`", "LSQB": "`[`",
    "RSQB": "`]`", "LBRACE": "`{`", "RBRACE": "`}`", "EQUAL": "`=`", "COMMA": "`,`", "COLON": "`:`",
    "ARROW": "`->`", "TILDE": "`~`", "DOT": "`.`", "ELSE": "`else`", "COMPARE": "a comparison",
    "WHERE": "`where`", "IN": "`in`", "EACH": "`each`", "ELLIPSIS": "`...`", "__ANON_0": "`|>`",
    "PIPE": "`|>`", "$END": "the end of the file",
}  # fmt: skip
_OPERATORS = {"PLUS", "MINUS", "STAR", "SLASH", "PERCENT", "AT", "CARET", "COMPARE", "AND", "OR",
              "__ANON_0"}  # fmt: skip
_VALUE = {"NAME", "NUMBER", "LPAR"}
FOREIGN = {
    "def": "`op name[D](x: Seq[D]) -> Seq[D] { ... }` defines an operator",
    "lambda": "there are no functions as values; define an `op`",
    "import": "`use file.name` imports a definition",
    "from": "`use file.name` imports a definition",
    "while": "repetition has a static bound: `for n in N { ... }`",
    "class": "`op` and `model` are the only definitions",
    "let": "an equation is `name = value`, without a keyword",
    "var": "an equation is `name = value`, without a keyword",
    "fn": "`op name[D](x: Seq[D]) -> Seq[D] { ... }` defines an operator",
    "elif": "write `else if`",
}


def explain_error(error: Any, text: str, file: str, begin: int, end: int) -> Diagnostic:
    """The diagnostic of a lark error inside `text[begin:end]`."""
    token = getattr(error, "token", None)
    if token is None:
        return _character(error, text, file)
    place = getattr(token, "start_pos", None)
    if token.type == "$END" or place is None:
        return _ended(error, text, file, begin, end)
    span = Span(place, max(place + 1, place + len(str(token))))
    special = _slip(text, span, str(token), begin, error)
    if special is not None:
        message, help, fix = special
        return Diagnostic("E0002", message, span, help=help, fix=fix, file=file)
    wanted = expected(error)
    message = f"`{_shown(str(token))}` cannot stand here"
    return Diagnostic(
        "E0001", message, span, label=f"expected {wanted}" if wanted else "", file=file
    )


def _shown(text: str) -> str:
    return text if len(text) <= 24 else text[:21] + "..."


def _character(error: Any, text: str, file: str) -> Diagnostic:
    place = getattr(error, "pos_in_stream", 0) or 0
    char = text[place : place + 1]
    span = Span(place, place + 1)
    pairs = {"&": ("`and`", "&&"), "|": ("`or`, or `|>` to pipe", "||"), "!": ("`not`, or `!=`", "!"),
             "'": ("`S[t-1]` for the value before", "'"), '"': ("no text in quotes", '"'),
             ";": ("a new line between statements", ";"), ":": ("`=` in an equation", ":"),
             "?": ("`select(c, x, y)`", "?"), "\\": ("an `op`", "\\")}  # fmt: skip
    known = pairs.get(char)
    if known is not None:
        return Diagnostic("E0002", f"`{char}` is not of the language here", span,
                          help=f"write {known[0]}", file=file)  # fmt: skip
    wanted = expected(error)
    return Diagnostic("E0001", f"`{char}` cannot stand here", span,
                      label=f"expected {wanted}" if wanted else "", file=file)  # fmt: skip


def _ended(error: Any, text: str, file: str, begin: int, end: int) -> Diagnostic:
    """The piece stopped too early: name the bracket that is open, if one is."""
    piece = text[begin:end]
    opening = _open_bracket(piece)
    stop = begin + len(piece.rstrip())
    if opening is not None:
        bracket, place = opening
        close = {"(": ")", "[": "]", "{": "}"}[bracket]
        return Diagnostic(
            "E0003",
            f"`{bracket}` is not closed",
            Span(begin + place, begin + place + 1),
            help=f"add `{close}`",
            fix=Fix(Span(stop, stop), close),
            file=file,
        )
    wanted = expected(error)
    message = "this ends too early" + (f": expected {wanted}" if wanted else "")
    return Diagnostic("E0001", message, Span(max(begin, stop - 1), max(stop, begin + 1)), file=file)


def _open_bracket(piece: str) -> tuple[str, int] | None:
    stack: list[tuple[str, int]] = []
    for match in re.finditer(r"#[^\n]*|[()\[\]{}]", piece):
        token = match.group()
        if token in "([{":
            stack.append((token, match.start()))
        elif token in ")]}" and stack:
            stack.pop()
    return stack[-1] if stack else None


def expected(error: Any) -> str:
    """What could stand at the place of an error, in words."""
    names = set(getattr(error, "accepts", None) or getattr(error, "expected", None)
                or getattr(error, "allowed", None) or ())  # fmt: skip
    words: list[str] = []
    if names >= _VALUE:
        words.append("a value")
        names -= _VALUE | {"MINUS", "NOT", "PRIME", "ATTEND"}
    if len(names & _OPERATORS) >= 4:
        words.append("an operator")
        names -= _OPERATORS
    for name in sorted(names):
        if name == "PRIME":
            continue
        words.append(_WORDS.get(name, f"`{name.lower()}`"))
    if len(words) > 6:
        words = [*words[:5], "..."]
    if len(words) > 1:
        return f"{', '.join(words[:-1])} or {words[-1]}"
    return "".join(words)


def _slip(
    text: str, span: Span, token: str, begin: int, error: Any
) -> tuple[str, str | None, Fix | None] | None:
    """The slips that have a message of their own."""
    before = text[begin : span.start].rstrip()
    after = text[span.end :].lstrip(" \t")
    if token in FOREIGN:
        return f"`{token}` is not of the language", FOREIGN[token], None
    last_word = re.search(r"([A-Za-z_]\w*)$", before)
    if (
        last_word
        and last_word.group(1) in FOREIGN
        and "\n" not in text[begin + len(before) : span.start]
    ):
        word = last_word.group(1)
        return f"`{word}` is not of the language", FOREIGN[word], None
    if token == "*" and before.endswith("*"):
        return "`**` is not of the language", "a power is written `^`", Fix(
            Span(span.start - 1, span.end), "^")  # fmt: skip
    if token == "=" and before.endswith("="):
        return "`==` compares; an equation has one `=`", None, None
    if token.startswith("==") and re.search(r"(^|\n)\s*[A-Za-z_]\w*$", before):
        return "an equation is written with one `=`", None, Fix(span, "=")
    if token == ":" and text[span.end : span.end + 1] == "=":
        return (
            "an equation is written `name = value`",
            None,
            Fix(Span(span.start, span.end + 1), "="),
        )
    if token == "=" and before.endswith(":"):
        return (
            "an equation is written `name = value`",
            None,
            Fix(Span(span.start - 1, span.end), "="),
        )
    if token == "=" and before[-1:] in "+-*/":
        return (
            f"`{before[-1]}=` is not of the language",
            "an equation says the whole value: `x = x + y`",
            None,
        )
    if token == ">" and before.endswith("-"):
        return "`- >` is written `->`", None, Fix(Span(span.start - 1, span.end), "->")
    if token in ")]}":
        return _closing(text, span, token, begin)
    same_line = "\n" not in text[begin + len(before) : span.start]
    beside = re.match(r"[A-Za-z_0-9(]", token) and re.search(r"[\w)\]]$", before) and same_line
    if beside and not _keyword_before(before):
        return (
            "two values stand side by side",
            "a product is written `*`, a contraction `@`, a call `f(x)`",
            None,
        )
    if (token == "[" and not same_line) or (token == "(" and not same_line):
        return f"`{token}` stands on another line than what it belongs to", None, None
    if token == "{" and re.search(r"\)\s*$", before) and re.match(r"\s*op\b", text[begin:]):
        return "the result type is missing", "write `-> Seq[D]` before `{`", None
    del after, error
    return None


def _keyword_before(before: str) -> bool:
    word = re.search(r"([A-Za-z_]\w*)$", before)
    return bool(word) and word.group(1) in (
        "op", "model", "use", "param", "state", "share", "return", "loss", "for", "in", "if", "else",
        "where", "and", "or", "not", "each", "attend",
    )  # fmt: skip


def _closing(
    text: str, span: Span, token: str, begin: int
) -> tuple[str, str | None, Fix | None] | None:
    """A closing bracket that fits no open one."""
    opening = _open_bracket(text[begin : span.start])
    pairs = {")": "(", "]": "[", "}": "{"}
    if opening is None:
        return f"`{token}` closes nothing", "remove it", Fix(span, "")
    if opening[0] != pairs[token]:
        wanted = {"(": ")", "[": "]", "{": "}"}[opening[0]]
        return f"`{token}` closes `{opening[0]}`", f"write `{wanted}`", Fix(span, wanted)
    return None
