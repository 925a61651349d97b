"""Syntax errors in words, and the small repairs after which reading goes on.

A repair replaces a few tokens; it is taken only if the automaton then gets past the next tokens.
Decides what a person most likely meant. Knows neither the stack's inside nor how parsing resumes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from asiarch.language.ast import Span
from asiarch.language.automaton import Automaton, Probe
from asiarch.language.diagnostics import Diagnostic, Fix, Label, visible
from asiarch.language.lexer import END, Token

AHEAD = 3  # tokens that must pass behind a repair
VALUE_ENDS = frozenset({"NAME", "NUMBER", "PRIME", "RPAR", "RSQB"})
CLOSER = {"LPAR": "RPAR", "LSQB": "RSQB", "LBRACE": "RBRACE"}
OPENER = {closer: opener for opener, closer in CLOSER.items()}
DEFINES = ("op", "model", "use")
STATEMENTS = frozenset({"param", "state", "share", "return", "loss", "for", "if"})
FIELDS = frozenset({"score", "value", "weight", "sink", "keep"})

# Words of other languages that begin nothing here: what to write, and the word meant (if one).
FOREIGN: dict[str, tuple[str, str | None]] = {
    "def": ("`op name[D](x: Seq[D]) -> Seq[D] { ... }` defines an operator", "op"),
    "fn": ("`op name[D](x: Seq[D]) -> Seq[D] { ... }` defines an operator", "op"),
    "func": ("`op name[D](x: Seq[D]) -> Seq[D] { ... }` defines an operator", "op"),
    "function": ("`op name[D](x: Seq[D]) -> Seq[D] { ... }` defines an operator", "op"),
    "class": ("`op` and `model` are the only definitions", "model"),
    "import": ("`use file.name` takes a definition from another file", "use"),
    "from": ("`use file.name` takes a definition from another file", None),
    "let": ("an equation is `name = value`, without a keyword", ""),
    "var": ("an equation is `name = value`, without a keyword", ""),
    "val": ("an equation is `name = value`, without a keyword", ""),
    "lambda": ("there are no functions as values; define an `op`", None),
    "while": ("repetition has a static bound: `for n in N { ... }`", None),
    "elif": ("write `else if`", None),
    "else": ("a choice by value is `select(c, x, y)`; `else` follows the `}` of an `if`", None),
}
_WORDS = {"NAME": "a name", "NUMBER": "a number", "COMPARE": "a comparison",
          END: "the end of the file"}  # fmt: skip
_VALUES = {"NAME", "NUMBER", "LPAR", "MINUS", "NOT", "PRIME", "ATTEND"}
_OPERATORS = {"PLUS", "MINUS", "STAR", "SLASH", "PERCENT", "AT", "CIRCUMFLEX", "COMPARE", "AND",
              "OR", "PIPE", "LSQB"}  # fmt: skip
_STATEMENT = {"PARAM", "STATE", "SHARE", "RETURN", "LOSS", "FOR", "IF"}
_INSERTED = ("COMMA", "LBRACE", "EQUAL", "COLON", "TILDE", "ARROW", "IN", "WHERE", "LPAR")


@dataclass(frozen=True, slots=True)
class Situation:
    """Where parsing stands: `tokens[at]` cannot be taken; `last` is the kind taken before it."""

    machine: Automaton
    tokens: Sequence[Token]
    at: int
    last: str
    file: str

    @property
    def token(self) -> Token:
        return self.tokens[self.at]

    @property
    def previous(self) -> Token | None:
        return self.tokens[self.at - 1] if self.at else None

    def passes(self, inserted: Sequence[str], skipped: int = 0, ahead: int = AHEAD) -> bool:
        """Does parsing go on with these kinds in place of the next `skipped` tokens?"""
        probe = Probe(self.machine)
        if not probe.feed_all(inserted):
            return False
        for at in range(self.at + skipped, min(self.at + skipped + ahead, len(self.tokens))):
            if not probe.feed(resolve(self.machine, probe.row, self.tokens, at)):
                return False
        return True

    def diagnostic(
        self,
        code: str,
        message: str,
        span: Span | None = None,
        *,
        label: str = "",
        help: str | None = None,
        fix: Fix | None = None,
        secondary: tuple[Label, ...] = (),
    ) -> Diagnostic:
        span = self.token.span if span is None else span
        return Diagnostic(
            code, message, span, label, help=help, fix=fix, secondary=secondary, file=self.file
        )


@dataclass(frozen=True, slots=True)
class Repair:
    """Put tokens of these kinds in place of the next `skipped`, and go on."""

    diagnostic: Diagnostic
    inserted: tuple[str, ...] = ()
    skipped: int = 0
    lossy: bool = True


def resolve(machine: Automaton, row: dict[str, int], tokens: Sequence[Token], at: int) -> str:
    """The terminal of a token: a word is a keyword where one can stand, or begins a definition."""
    token = tokens[at]
    if token.kind != "NAME":
        return token.kind
    keyword = machine.tables.literals.get(token.text)
    if keyword is None:
        return "NAME"
    return keyword if keyword in row or begins_definition(tokens, at) else "NAME"


def begins_definition(tokens: Sequence[Token], at: int) -> bool:
    token = tokens[at]
    if not token.fresh or token.text not in DEFINES:
        return False
    following = tokens[min(at + 1, len(tokens) - 1)]
    return following.kind == "NAME" and not following.fresh


def misplaced(machine: Automaton, tokens: Sequence[Token], at: int, last: str) -> bool:
    """A name that could stand here, but cannot have been meant to: what follows tells."""
    token, following = tokens[at], tokens[at + 1]
    if not token.fresh:  # `q k`, as no statement or field begins
        return last in VALUE_ENDS and following.kind not in ("EQUAL", "COMMA", "COLON")
    if following.kind == "EQUAL":  # the next equation, where a value is still to come
        return not Probe(machine).feed_all(("NAME", "EQUAL"))
    begins = token.text in STATEMENTS and not following.fresh
    return begins and following.kind in ("NAME", "NUMBER")


def repairs(s: Situation) -> Iterator[Repair]:
    """Likely repairs, the surest first; each has been tried on the tokens that follow."""
    for attempt in (
        _foreign, _unclosed_at_end, _no_value, _equals, _colon, _reserved, _field, _side_by_side,
        _wrong_closer, _unclosed, _stray_closer, _missing, _superfluous,
    ):  # fmt: skip
        found = attempt(s)
        if found is not None:
            yield found


def unexpected(s: Situation) -> Diagnostic:
    """What was found, and what could have stood there."""
    foreign = _foreign_word(s)
    if foreign is not None:
        word, (help, _) = foreign
        message = f"`{word.text}` is not of the language"
        return s.diagnostic("E0009", message, word.span, help=help)
    if s.token.kind == END:
        place = s.previous.end if s.previous else 0
        span = Span(max(0, place - 1), place)
        return s.diagnostic("E0001", "the file ends too early", span, label=_wanted(s))
    if "OP" in s.machine.row:
        message = f"{shown(s.token)} stands outside of any definition"
        return s.diagnostic("E0005", message, help="a file holds `use`, `op` and `model`")
    help = None
    if s.token.kind == "DOT" and s.last in VALUE_ENDS:
        help = "a value has no members: operators are called, `sum[A](x)`"
    elif s.token.kind == "LPAR" and s.last == "RSQB":
        help = "only a name is called: `name[static](values)`"
    message = f"{shown(s.token)} cannot stand here"
    return s.diagnostic("E0001", message, label=_wanted(s), help=help)


def shown(token: Token) -> str:
    if token.kind == END:
        return "the end of the file"
    text = token.text if len(token.text) <= 24 else token.text[:21] + "..."
    return f"`{visible(text)}`"


def _wanted(s: Situation) -> str:
    words = expected(s.machine, s.token.fresh)
    return f"expected {words}" if words else ""


def expected(machine: Automaton, fresh: bool = False) -> str:
    """What could stand next, in words; `fresh`: at the start of a line."""
    kinds = machine.accepts() - {"PRIME"}
    words: list[str] = []
    if kinds >= {"NAME", "NUMBER", "LPAR"}:
        words.append("a value")
        kinds -= _VALUES
    if kinds >= _STATEMENT and len(kinds & _OPERATORS) > 4:
        kinds -= _OPERATORS if fresh else _STATEMENT | {"NAME", "RBRACE"}
    if kinds >= _STATEMENT:
        words.append("a statement")
        kinds -= _STATEMENT | {"NAME", "PRIME"}
    if kinds >= {"OP", "MODEL", "USE"}:
        words.append("a definition")
        kinds -= {"OP", "MODEL", "USE"}
    operators = len(kinds & _OPERATORS) > 4
    if operators:
        kinds -= _OPERATORS
    words += sorted(_WORDS.get(kind) or f"`{machine.tables.word(kind)}`" for kind in kinds)
    if operators:
        words.append("an operator")
    words = words[:6]
    if len(words) > 1:
        return f"{', '.join(words[:-1])} or {words[-1]}"
    return "".join(words)


# -- the slips -------------------------------------------------------------------------------------


def _foreign_word(s: Situation) -> tuple[Token, tuple[str, str | None]] | None:
    for at in (s.at, s.at - 1, s.at - 2):
        if at >= 0 and (found := FOREIGN.get(s.tokens[at].text)) is not None:
            word = s.tokens[at]
            if at != s.at and (word.text == "else" or s.tokens[at + 1].kind == "EQUAL"):
                continue
            if all(not t.fresh for t in s.tokens[at + 1 : s.at + 1]):
                return word, found
    return None


def _foreign(s: Situation) -> Repair | None:
    found = _foreign_word(s)
    if found is None:
        return None
    word, (help, meant) = found
    message = f"`{word.text}` is not of the language"
    if meant is None or not word.fresh:
        return None
    fix = Fix(word.span, meant) if meant else Fix(Span(word.start, s.token.start), "")
    diagnostic = s.diagnostic("E0009", message, word.span, help=help, fix=fix)
    if meant and word is s.token and s.passes([s.machine.tables.literals[meant]], 1):
        return Repair(diagnostic, (s.machine.tables.literals[meant],), 1, lossy=False)
    if not meant and s.previous is word and s.machine.values[-1:] == [word]:
        s.machine.cut(len(s.machine.values) - 1)
        if s.passes([]):
            return Repair(diagnostic, lossy=False)
    return None


def _equals(s: Situation) -> Repair | None:
    if s.token.kind == "EQUAL" and s.passes(["COMPARE"], 1):
        fix = Fix(s.token.span, "==")
        message = "`=` binds a name; values are compared by `==`"
        return Repair(s.diagnostic("E0008", message, fix=fix), ("COMPARE",), 1, lossy=False)
    if s.token.text == "==" and s.last in ("NAME", "RSQB") and s.passes(["EQUAL"], 1):
        fix = Fix(s.token.span, "=")
        message = "`==` compares; a name is bound by `=`"
        return Repair(s.diagnostic("E0008", message, fix=fix), ("EQUAL",), 1, lossy=False)
    if s.token.kind == "EQUAL" and s.passes(["TILDE"], 1):
        message = "a parameter's initialiser follows `~`"
        fix = Fix(s.token.span, "~")
        return Repair(s.diagnostic("E0008", message, fix=fix), ("TILDE",), 1, lossy=False)
    if s.token.kind == "TILDE" and s.passes(["EQUAL"], 1):
        message = "`~` gives a parameter its initialiser; a name is bound by `=`"
        fix = Fix(s.token.span, "=")
        return Repair(s.diagnostic("E0008", message, fix=fix), ("EQUAL",), 1, lossy=False)
    return None


def _colon(s: Situation) -> Repair | None:
    """`:` as Python has it, for `->` or for `{`."""
    if s.token.kind != "COLON":
        return None
    for kind, message in (
        ("ARROW", "the type of a result follows `->`"),
        ("LBRACE", "a block stands in braces"),
    ):
        if s.passes([kind], 1):
            fix = Fix(s.token.span, f" {s.machine.tables.word(kind)}")
            return Repair(s.diagnostic("E0001", message, fix=fix), (kind,), 1, lossy=False)
    return None


def _no_value(s: Situation) -> Repair | None:
    """The next statement begins where a value was still to come."""
    before, token = s.previous, s.token
    if before is None or not token.fresh or not s.passes(["NAME"], ahead=2):
        return None
    if s.last in VALUE_ENDS or token.kind not in ("NAME", "RBRACE", END):
        return None
    what = "a value" if "NUMBER" in s.machine.row else "a name"
    message = f"{what} is missing behind {shown(before)}"
    return Repair(s.diagnostic("E0001", message, before.span), ("NAME",))


def _field(s: Situation) -> Repair | None:
    """`score` without its colon."""
    if s.token.text not in FIELDS or not s.passes(["NAME", "COLON"], 1):
        return None
    place = Span(s.token.end, s.token.end)
    message = f"`:` is missing behind {shown(s.token)}"
    diagnostic = s.diagnostic("E0001", message, fix=Fix(place, ":"))
    return Repair(diagnostic, ("NAME", "COLON"), 1, lossy=False)


def _reserved(s: Situation) -> Repair | None:
    """`state = ...`: a keyword where a name was meant."""
    word = s.previous
    if word is None or word.kind != "NAME" or s.last in ("NAME", "PRIME"):
        return None
    if s.token.kind not in ("EQUAL", "COMMA") or s.machine.values[-1:] != [word]:
        return None
    s.machine.cut(len(s.machine.values) - 1)
    message = f"`{word.text}` is a word of the language and no name"
    diagnostic = s.diagnostic("E0016", message, word.span, help="choose another name")
    if not s.passes(["NAME"]):
        return None
    s.machine.push("NAME", word)
    return Repair(diagnostic)


def _side_by_side(s: Situation) -> Repair | None:
    token, before = s.token, s.previous
    if before is None or token.fresh or s.last not in VALUE_ENDS or _foreign_word(s):
        return None
    if token.kind == "LPAR" and s.last == "RSQB":
        return None
    if token.kind not in ("NAME", "NUMBER", "LPAR", "PRIME") or not s.passes(["STAR"], ahead=1):
        return None
    left, right = before.text, token.text
    help = f"a product is `{left} * {right}`, a contraction `{left} @ {right}`"
    if before.kind in ("RPAR", "RSQB") or token.kind == "LPAR":
        help = "a product is written `*`, a contraction `@`"
    elif before.kind == "NAME":
        help = f"{help}, a call `{left}({right})`"
    if "COMMA" in s.machine.accepts():
        help = f"{help}; a list has commas"
    span = Span(before.start, token.end)
    diagnostic = s.diagnostic("E0007", "two values stand side by side", span, help=help)
    return Repair(diagnostic, ("STAR",))


def _openers(s: Situation) -> list[Token]:
    return open_brackets(s.machine.values)


def open_brackets(values: Sequence[object]) -> list[Token]:
    """The brackets among an automaton's values that are not closed, innermost last."""
    found: list[Token] = []
    for value in values:
        if isinstance(value, Token):
            if value.kind in CLOSER:
                found.append(value)
            elif value.kind in OPENER and found:
                found.pop()
    return found


def _unclosed_at_end(s: Situation) -> Repair | None:
    """The file or the definition ends inside brackets."""
    openers = _openers(s)
    ends = s.token.kind == END or begins_definition(s.tokens, s.at)
    if not ends or not openers:
        return None
    closers = tuple(CLOSER[o.kind] for o in reversed(openers))
    if not s.passes(closers):
        return None
    sure = len(openers) == 1 and openers[0].kind == "LBRACE"
    repair = _closing_repair(s, openers[-1], closers, lossy=not sure)
    if openers[-1].kind != "LBRACE" or s.previous is None:
        return repair
    place = Span(s.previous.end, s.previous.end)
    fix = Fix(place, "\n" + "}" * sum(o.kind == "LBRACE" for o in openers))
    return replace(repair, diagnostic=replace(repair.diagnostic, fix=fix))


def _unclosed(s: Situation) -> Repair | None:
    """A round or square bracket that this token shows to be open still."""
    closers: list[str] = []
    for opener in reversed(_openers(s)):
        state = s.machine.stack[s.machine.values.index(opener) + 1]
        if "equation" in s.machine.states[state]:  # a block: its statements are read one by one
            return None
        closers.append(CLOSER[opener.kind])
        if s.passes(closers):
            return _closing_repair(s, opener, tuple(closers))
    return None


def _closing_repair(
    s: Situation, opener: Token, closers: tuple[str, ...], lossy: bool = True
) -> Repair:
    text = "".join(s.machine.tables.word(c) or "" for c in closers)
    place = s.previous.end if s.previous else 0
    here = s.token.span if s.token.kind != END else Span(max(0, place - 1), place)
    wanted = s.machine.tables.word(CLOSER[opener.kind])
    diagnostic = s.diagnostic(
        "E0003",
        f"`{opener.text}` is not closed",
        opener.span,
        label="opened here",
        help=f"add `{wanted}`",
        fix=Fix(Span(place, place), text),
        secondary=(Label(here, f"expected `{wanted}` before this"),),
    )
    return Repair(diagnostic, closers, lossy=lossy)


def _wrong_closer(s: Situation) -> Repair | None:
    openers = _openers(s)
    if s.token.kind not in ("RPAR", "RSQB") or not openers or openers[-1].kind == "LBRACE":
        return None
    wanted = CLOSER[openers[-1].kind]
    if wanted == s.token.kind or not s.passes([wanted], 1):
        return None
    text = s.machine.tables.word(wanted) or ""
    diagnostic = s.diagnostic(
        "E0006",
        f"`{s.token.text}` closes `{openers[-1].text}`",
        fix=Fix(s.token.span, text),
        secondary=(Label(openers[-1].span, "opened here"),),
    )
    return Repair(diagnostic, (wanted,), 1, lossy=False)


def _stray_closer(s: Situation) -> Repair | None:
    if s.token.kind not in OPENER or not s.passes([], 1):
        return None
    message = f"`{s.token.text}` closes nothing"
    diagnostic = s.diagnostic("E0006", message, fix=Fix(s.token.span, ""))
    return Repair(diagnostic, (), 1, lossy=s.token.kind != "RBRACE")


def _missing(s: Situation) -> Repair | None:
    """One mark is missing before this token."""
    typed = s.token.text[:1].isupper()  # `-> Seq[D] Seq[H]` against `-> Seq[D] causal`
    for kind in _INSERTED if typed else ("WHERE", *_INSERTED):
        if kind in s.machine.row and s.passes([kind]):
            if kind == "LPAR" and "STAR" in s.machine.accepts():
                continue
            text = s.machine.tables.word(kind) or ""
            place = s.previous.end if s.previous else 0
            diagnostic = s.diagnostic(
                "E0001",
                f"`{text}` is missing before {shown(s.token)}",
                fix=Fix(Span(place, place), text if kind in ("COMMA", "COLON") else f" {text}"),
            )
            return Repair(diagnostic, (kind,))
    return None


def _superfluous(s: Situation) -> Repair | None:
    """One token is too many."""
    if s.token.kind in ("NAME", END) or not s.passes([], 1):
        return None
    wanted = _wanted(s)
    message = f"{shown(s.token)} cannot stand here"
    diagnostic = s.diagnostic("E0001", message, label=wanted, fix=Fix(s.token.span, ""))
    return Repair(diagnostic, (), 1)
