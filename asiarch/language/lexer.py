"""Text to tokens. Symbols that are not of the language are reported and read as what they mean.

Words are not told from keywords here: `state` is a name in a claim and a keyword in a block, which
the parser knows. Terminals come from the grammar's tables.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from functools import cache

from asiarch.language.ast import Span
from asiarch.language.diagnostics import Diagnostic, Fix
from asiarch.language.limits import DIGITS, EXPONENT, MOST, NAME_LENGTH
from asiarch.language.tables import Tables

END = "$END"


@dataclass(slots=True)
class Token:
    """One terminal. `fresh`: it is the first of its line."""

    kind: str
    text: str
    start: int
    end: int
    fresh: bool

    @property
    def span(self) -> Span:
        return Span(self.start, self.end)


@dataclass(frozen=True, slots=True)
class Lexed:
    """`lossy` has the places where the meaning is a guess."""

    tokens: list[Token] = field(default_factory=list[Token])
    comments: list[Token] = field(default_factory=list[Token])
    diagnostics: list[Diagnostic] = field(default_factory=list[Diagnostic])
    lossy: list[int] = field(default_factory=list[int])


# What other languages write, what it is read as here (None: nothing), and what to say.
SLIPS: dict[str, tuple[str | None, str]] = {
    "**": ("^", "a power is written `^`"),
    "&&": ("and", "write `and`"),
    "||": ("or", "write `or`"),
    "&": ("and", "write `and`"),
    "|": ("or", "a pipe is written `|>`, the logical one `or`"),
    "!": ("not", "write `not`"),
    ":=": ("=", "an equation is written `name = value`"),
    "===": ("==", "write `==`"),
    "<>": ("!=", "write `!=`"),
    "=>": ("->", "an arrow is written `->`, a comparison `>=`"),
    "//": ("/", "write `/`; among sizes it is exact. Comments begin with `#`"),
    "+=": ("=", "an equation says the whole value: `x = x + y`"),
    "-=": ("=", "an equation says the whole value: `x = x - y`"),
    "*=": ("=", "an equation says the whole value: `x = x * y`"),
    "/=": ("=", "an equation says the whole value: `x = x / y`"),
    "@=": ("=", "an equation says the whole value: `x = x @ y`"),
    "..": (None, "there are no slices: `x[t-1]` is a delay, `window[W](x)` the last W tokens"),
    ";": (None, "a statement ends with its line"),
    "?": (None, "a choice by value is `select(c, x, y)`, by size `if c { } else { }`"),
    "\\": (None, "a new line may stand anywhere but before a call's or an index's bracket"),
    "$": (None, "remove it"),
}
_SURE = {"**", "&&", "||", "!", ":=", "===", "<>"}
_LOOKALIKES = {
    "×": "*", "·": "*", "⋅": "*", "⊙": "*", "∗": "*", "÷": "/", "−": "-", "–": "-", "—": "-",
    "≤": "<=", "≥": ">=", "≠": "!=", "→": "->", "⟶": "->", "∧": "and", "∨": "or", "¬": "not",
    "∈": "in",
    "（": "(", "）": ")", "，": ",", "：": ":", "［": "[", "］": "]", "＝": "=", "…": "...",
    "∼": "~", "～": "~", "⊤": "'", "²": "^ 2", "³": "^ 3",
}  # fmt: skip
DECIMAL = "numbers are decimal: `3`, `0.5`, `1e-6`"
_QUOTED = r"\"[^\"\n\r]*\"?|'[^'\n\r]*'?|`[^`\n\r]*`?"


@cache
def _pattern(tables: Tables) -> re.Pattern[str]:
    p = tables.patterns
    punctuation = [t for t in tables.literals if not t.isidentifier()]
    slips = [t for t in SLIPS if t not in ("..", "!")]
    parts = [
        ("LINE", r"[\n\r]+"),
        ("REMARK", r"(?:(?<=[\n\r])|\A)[ \t]*//[^\n\r]*"),
        ("SPACE", r"[ \t]+"),
        ("COMMENT", p["COMMENT"]),
        ("FOREIGN", r"\w*[^\x00-\x7f\W]\w*"),
        ("PRIME", p["PRIME"]),
        ("NAME", p["NAME"]),
        ("MALFORMED", rf"(?>{p['NUMBER']})(?!\.\.)[\w.]+|\.[0-9]+(?:[eE][+-]?[0-9]+)?"),
        ("NUMBER", p["NUMBER"]),
        ("QUOTED", _QUOTED),
        ("SLIP", "|".join([*_escaped(slips), r"\.\.(?!\.)", r"!(?!=)"])),
        ("COMPARE", p["COMPARE"]),
        ("MARK", "|".join(_escaped(punctuation))),
        ("OTHER", r"[\s\S]"),
    ]
    return re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in parts))


def _escaped(texts: list[str]) -> list[str]:
    """Alternatives, longest first. `|` is a slip only where it begins no `|>`."""
    ordered = sorted(texts, key=len, reverse=True)
    return [r"\|(?!>)" if t == "|" else re.escape(t) for t in ordered]


def lex(text: str, file: str, tables: Tables) -> Lexed:
    """The tokens of a text with an end token, its comments, and what is not of the language."""
    return _Lexer(text, file, tables).run()


class _Lexer:
    def __init__(self, text: str, file: str, tables: Tables) -> None:
        self.text, self.file, self.tables = text, file, tables
        self.out = Lexed()
        self.fresh = True

    def run(self) -> Lexed:
        literals, tokens = self.tables.literals, self.out.tokens
        start = 1 if self.text.startswith("\ufeff") else 0
        for match in _pattern(self.tables).finditer(self.text, start):
            kind = match.lastgroup or "OTHER"
            found = match.group()
            if kind == "SPACE":
                continue
            if kind == "LINE":
                self.fresh = True
                continue
            if kind == "MARK":
                kind = literals[found]
            elif kind == "COMMENT":
                comment = Token(kind, found, match.start(), match.end(), self.fresh)
                self.out.comments.append(comment)
                continue
            elif kind == "NUMBER":
                found = self._number(found, match.start())
            elif kind not in ("NAME", "PRIME", "COMPARE"):
                self._strange(kind, found, Span(match.start(), match.end()))
                continue
            elif len(found) > NAME_LENGTH:
                found = self._long_name(found, match.start())
            tokens.append(Token(kind, found, match.start(), match.end(), self.fresh))
            self.fresh = False
        size = len(self.text)
        tokens.append(Token(END, "", size, size, True))
        return self.out

    def _add(self, kind: str, text: str, span: Span) -> None:
        self.out.tokens.append(Token(kind, text, span.start, span.end, self.fresh))
        self.fresh = False

    def _add_text(self, text: str, span: Span) -> None:
        """Tokens of a replacement, all at the place of what they replace."""
        for match in _pattern(self.tables).finditer(text):
            kind = match.lastgroup or "OTHER"
            if kind != "SPACE":
                found = match.group()
                self._add(self.tables.literals[found] if kind == "MARK" else kind, found, span)

    def _report(
        self, code: str, message: str, span: Span, help: str | None = None, fix: str | None = None
    ) -> None:
        if len(self.out.diagnostics) < MOST:
            edit = None if fix is None else Fix(span, fix)
            self.out.diagnostics.append(
                Diagnostic(code, message, span, help=help, fix=edit, file=self.file)
            )

    def _strange(self, kind: str, found: str, span: Span) -> None:
        match kind:
            case "FOREIGN":
                self._foreign(found, span)
            case "MALFORMED":
                self._malformed(found, span)
            case "QUOTED":
                self._quoted(found, span)
            case "REMARK":
                fixed = found.replace("//", "#", 1)
                self._report("E0002", "a comment begins with `#`", span, fix=fixed)
            case "SLIP":
                self._slip(found, span)
            case _:
                self._character(found, span)

    def _slip(self, found: str, span: Span) -> None:
        meant, help = SLIPS[found]
        sure = found in _SURE
        fix = f"{meant} " if meant == "not" else meant
        self._report(
            "E0002", f"`{found}` is not of the language", span, help, fix if sure else None
        )
        if not sure:
            self.out.lossy.append(span.start)
        if meant is not None:
            self._add_text(meant, span)

    def _quoted(self, found: str, span: Span) -> None:
        name = found.strip("\"'`")
        fix = name if name.isidentifier() and name.isascii() and found[-1] == found[0] else None
        help = "names are written bare" if fix else "there are no texts in the language"
        self._report("E0017", "quotes are not of the language", span, help, fix)
        if fix is None:
            self.out.lossy.append(span.start)
        self._add("NAME", fix or "text", span)

    def _foreign(self, found: str, span: Span) -> None:
        if any(c in _LOOKALIKES for c in found):
            self._foreign_parts(found, span)
            return
        plain = ascii_name(found)
        self._report("E0012", f"`{found}`: names are of ASCII letters", span, fix=plain,
                     help=f"write `{plain}`" if plain else None)  # fmt: skip
        self._add("NAME", plain or "name", span)

    def _foreign_parts(self, found: str, span: Span) -> None:
        """A word with `²` in it: the name, then the power."""
        at = span.start
        for part in re.findall("|".join(_LOOKALIKES) + r"|[^²³]+", found):
            place = Span(at, at + len(part))
            if part in _LOOKALIKES:
                self._character(part, place)
            elif part.isascii():
                self._add_text(part, place)
            else:
                self._foreign(part, place)
            at = place.end

    def _character(self, found: str, span: Span) -> None:
        near = _LOOKALIKES.get(found)
        shown = found if found.isprintable() else f"U+{ord(found):04X}"
        if near is not None:
            self._report("E0012", f"the character `{shown}` is not of the language", span,
                         f"write `{near}`", near)  # fmt: skip
            self._add_text(near, span)
            return
        blank = found.isspace() or unicodedata.category(found) in ("Cf", "Cc", "Cs")
        help = "remove it" if blank else "names and operators are ASCII; comments may hold anything"
        fix = " " if blank else None
        self._report("E0012", f"the character `{shown}` is not of the language", span, help, fix)
        if not blank:
            self.out.lossy.append(span.start)

    def _long_name(self, found: str, start: int) -> str:
        message = f"a name of {len(found)} letters; at most {NAME_LENGTH}"
        self._report("E0013", message, Span(start, start + len(found)))
        self.out.lossy.append(start)
        return found[:NAME_LENGTH]

    def _number(self, found: str, start: int) -> str:
        """The number as text, or "0" where it is beyond what can be held."""
        if len(found) <= DIGITS and "e" not in found and "E" not in found:
            return found
        mantissa, _, exponent = found.lower().partition("e")
        digits = sum(c.isdigit() for c in mantissa)
        span = Span(start, start + len(found))
        if digits > DIGITS:
            self._report("E0014", f"a number of {digits} digits; at most {DIGITS}", span)
            return "0"
        if exponent and (len(exponent) > 5 or abs(int(exponent)) > EXPONENT):
            self._report("E0014", f"an exponent beyond {EXPONENT}", span)
            return "0"
        return found

    def _malformed(self, found: str, span: Span) -> None:
        """`.5`, `5.`, `1_000`, `2x`, `0x1F`."""
        fix, help = _number_meant(found) if len(found) <= NAME_LENGTH else (None, DECIMAL)
        self._report("E0015", f"`{found[:24]}` is no number", span, help, fix)
        if fix is None:
            self.out.lossy.append(span.start)
        at = len(self.out.tokens)
        self._add_text("0" if fix is None else fix, span)
        for token in self.out.tokens[at:]:
            if token.kind == "NUMBER":
                token.text = self._number(token.text, token.start)


def _number_meant(found: str) -> tuple[str | None, str]:
    plain = found.replace("_", "")
    if re.fullmatch(r"[0-9]+", plain):
        return plain, f"write `{plain}`"
    if re.fullmatch(r"\.[0-9]+([eE][+-]?[0-9]+)?", found):
        return f"0{found}", f"write `0{found}`"
    if re.fullmatch(r"[0-9]+\.", found):
        return f"{found}0", f"write `{found}0`"
    product = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([A-Za-z_]\w*)", found, re.ASCII)
    if product is not None and not re.match(r"0[xXbBoO]", found):
        fix = f"{product.group(1)} * {product.group(2)}"
        return fix, f"a product is written `{fix}`"
    return None, DECIMAL


def ascii_name(text: str) -> str | None:
    """The name in ASCII: `alpha` for the Greek letter, other letters without accents; or None."""
    out: list[str] = []
    for char in text:
        plain = unicodedata.normalize("NFKD", char)[0]
        if plain.isascii():
            out.append(plain)
            continue
        words = unicodedata.name(plain, "").split()
        if words[:1] != ["GREEK"] or "LETTER" not in words:
            return None
        spelled = words[words.index("LETTER") + 1].lower()
        out.append(spelled.capitalize() if "CAPITAL" in words else spelled)
    joined = "".join(out)
    return joined if joined.isidentifier() else None
