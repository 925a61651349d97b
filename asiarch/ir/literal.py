"""Attribute values of nodes as text, and back: numbers, names, sizes, types, tuples, functions.

For example

    steps=2  which=sum  over=(H, K)  count={D / 2}  results=(<Seq[H, K] open>)  function=@silu
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any, cast

from asiarch.ir.function import Function
from asiarch.ir.size import Size, binary
from asiarch.ir.types import Type

NAME = r"[A-Za-z_][\w.']*"
_TOKEN = re.compile(
    rf"""\s*(?:
      (?P<string>"(?:\\.|[^"\\])*")
    | (?P<size>\{{[^}}]*\}})
    | (?P<node>%\d+)
    | (?P<function>@{NAME}(?:~\d+)?)
    | (?P<number>[+-]?(?:inf\b|nan\b|\d+(?:\.\d+)?(?:e[+-]?\d+)?))
    | (?P<name>{NAME})
    | (?P<mark>[()<>\[\],:=~;])
    )""",
    re.VERBOSE,
)
_BARE = re.compile(rf"{NAME}\Z")
_WORDS: dict[str, Any] = {"True": True, "False": False, "None": None}
_FLAGS = ("open", "positional", "boolean")
_MODES = {"Seq": "seq", "Tensor": "tensor", "Token": "token"}


class TextError(ValueError):
    """A text that is no function; says the line and what is wrong in it."""


# -- printing ------------------------------------------------------------------------------------


def show_name(name: str) -> str:
    """A name bare where it can be, else quoted."""
    return (
        name if _BARE.match(name) and name not in _WORDS else json.dumps(name, ensure_ascii=False)
    )


def show_type(kind: Type) -> str:
    axes = "" if kind.mode == "token" else f"[{', '.join(map(show_name, kind.axes))}]"
    flags = "".join(f" {flag}" for flag in _FLAGS if getattr(kind, flag))
    vocab = f" vocab={show_name(kind.vocab)}" if kind.vocab is not None else ""
    return f"{kind.mode.capitalize()}{axes}{flags}{vocab}"


def show_value(value: Any, label: Callable[[Function], str]) -> str:
    """The text of an attribute; `label` names the functions that are printed elsewhere."""
    match value:
        case None | bool():
            return str(value)
        case int():
            return str(value)
        case float():
            return f"+{value}" if value == float("inf") else repr(value)
        case str():
            return show_name(value)
        case Size():
            return f"{{{value}}}"
        case Type():
            return f"<{show_type(value)}>"
        case Function():
            return f"@{label(value)}"
        case tuple():
            parts = cast("tuple[Any, ...]", value)
            return f"({', '.join(show_value(v, label) for v in parts)})"
        case _:
            raise TypeError(f"no text form of {type(value).__name__}")


# -- reading -------------------------------------------------------------------------------------


class Tokens:
    """The tokens of one line, read from the left. `function` resolves `@label`."""

    def __init__(self, line: str, function: Callable[[str], Function]) -> None:
        self.function = function
        self.items: list[tuple[str, str]] = []
        self.at = 0
        place = 0
        while line[place:].strip():
            match = _TOKEN.match(line, place)
            if match is None:
                raise TextError(f"cannot read {line[place:].strip()!r}")
            assert match.lastgroup is not None
            self.items.append((match.lastgroup, match.group(match.lastgroup)))
            place = match.end()

    @property
    def done(self) -> bool:
        return self.at == len(self.items)

    def peek(self, text: str) -> bool:
        return not self.done and self.items[self.at] == ("mark", text)

    def word(self, text: str) -> bool:
        """Is the next token this word? Takes it if so."""
        found = not self.done and self.items[self.at] == ("name", text)
        self.at += found
        return found

    def take(self, kind: str) -> str:
        """The next token, which must be of this kind."""
        if self.done or self.items[self.at][0] != kind:
            got = "the line ends" if self.done else f"got {self.items[self.at][1]!r}"
            raise TextError(f"expected a {kind}, {got}")
        self.at += 1
        return self.items[self.at - 1][1]

    def mark(self, text: str) -> None:
        if not self.peek(text):
            got = "the line ends" if self.done else f"got {self.items[self.at][1]!r}"
            raise TextError(f"expected {text!r}, {got}")
        self.at += 1

    def name(self) -> str:
        if not self.done and self.items[self.at][0] == "string":
            return json.loads(self.take("string"))
        return self.take("name")

    def size(self) -> Size:
        return read_size(self.take("size")[1:-1])

    def names(self, close: str) -> tuple[str, ...]:
        """Names with commas up to a closing mark."""
        out: list[str] = []
        while not self.peek(close):
            if out:
                self.mark(",")
            out.append(self.name())
        self.mark(close)
        return tuple(out)

    def type(self) -> Type:
        word = self.take("name")
        if word not in _MODES:
            raise TextError(f"{word!r} is no type")
        axes: tuple[str, ...] = ()
        if self.peek("["):
            self.mark("[")
            axes = self.names("]")
        flags = {flag: self.word(flag) for flag in _FLAGS}
        vocab = None
        if self.word("vocab"):
            self.mark("=")
            vocab = self.name()
        return Type(_MODES[word], axes, vocab=vocab, **flags)

    def value(self) -> Any:
        if self.done:
            raise TextError("a value is missing")
        kind, text = self.items[self.at]
        match kind:
            case "number":
                self.at += 1
                return float(text) if re.search(r"[.en]", text) else int(text)
            case "size":
                return self.size()
            case "function":
                self.at += 1
                return self.function(text[1:])
            case "mark" if text == "<":
                self.mark("<")
                found = self.type()
                self.mark(">")
                return found
            case "mark" if text == "(":
                return self._tuple()
            case _:
                name = self.name()
                return _WORDS.get(name, name) if kind == "name" else name

    def _tuple(self) -> tuple[Any, ...]:
        self.mark("(")
        out: list[Any] = []
        while not self.peek(")"):
            if out:
                self.mark(",")
            out.append(self.value())
        self.mark(")")
        return tuple(out)


# -- sizes ---------------------------------------------------------------------------------------

_OPS = ("%", "//", "/", "^", "round", "max", "min", "<", "<=", ">", ">=", "==", "!=")


def read_size(text: str) -> Size:
    """A size from the text that `str` gives it. Raises TextError."""
    try:
        found = _sum(text)
    except (ValueError, ZeroDivisionError):
        raise TextError(f"{text!r} is no size") from None
    return found


def _sum(text: str) -> Size:
    out = Size.of(0)
    for sign, term in _pieces(text, (" + ", " - ")):
        value = _product(term)
        out = out + value if sign != " - " else out - value
    return out


def _product(text: str) -> Size:
    if text.startswith("-"):
        return -_product(text[1:])
    out = Size.of(1)
    for sign, factor in _pieces(text, (" * ", " / ")):
        out = out / _factor(factor) if sign == " / " else out * _factor(factor)
    return out


def _factor(text: str) -> Size:
    if text.startswith("(") and text.endswith(")"):
        return _opaque(text[1:-1])
    if re.fullmatch(r"\d+", text):
        return Size.of(Fraction(text))
    match = re.fullmatch(rf"({NAME}|\(.*\))\^(\d+)", text)
    if match:
        base, out = _factor(match.group(1)), Size.of(1)
        for _ in range(int(match.group(2))):
            out = out * base
        return out
    if not re.fullmatch(NAME, text):
        raise ValueError(text)
    return Size.symbol(text)


def _opaque(text: str) -> Size:
    for op in _OPS:
        pieces = _pieces(text, (f" {op} ",))
        if len(pieces) == 2:
            return binary(op, _side(pieces[0][1]), _side(pieces[1][1]))
    raise ValueError(text)


def _side(text: str) -> Size:
    """A side of an opaque symbol: a name, a number, or anything else in parentheses."""
    return _sum(text[1:-1] if text.startswith("(") else text)


def _pieces(text: str, marks: tuple[str, ...]) -> list[tuple[str, str]]:
    """`text` cut at marks outside of parentheses, each piece with the mark before it."""
    out: list[tuple[str, str]] = []
    depth = start = place = 0
    before = ""
    while place < len(text):
        mark = next((m for m in marks if text.startswith(m, place)), None) if depth == 0 else None
        if mark is not None:
            out.append((before, text[start:place]))
            before, place = mark, place + len(mark)
            start = place
            continue
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        place += 1
    return [*out, (before, text[start:])]
