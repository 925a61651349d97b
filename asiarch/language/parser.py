"""Text to syntax tree. Never raises for a bad text: what can be read is, the rest is diagnosed.

A syntax error costs at most its statement, which stands as equations to `Bad` so that its names
stay bound; an error in the head of a definition costs the definition, named in `broken`. All
independent errors are reported in one run.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass
from typing import Any

from asiarch.language import ast
from asiarch.language.ast import Span
from asiarch.language.automaton import Automaton
from asiarch.language.diagnostics import Diagnostic, Fix
from asiarch.language.lexer import END, Lexed, Token, lex
from asiarch.language.limits import DEPTH, MOST, scan, too_deep
from asiarch.language.recovery import panic, stand_in, statement_start
from asiarch.language.slips import Situation, misplaced, repairs, resolve, unexpected
from asiarch.language.source import Source
from asiarch.language.tables import load

_SIMPLE = frozenset({"param", "state", "share", "equation", "return", "loss"})
_CALLED = frozenset({"call", "pipe", "index"})


@dataclass(frozen=True, slots=True)
class ParseResult:
    """`program` holds what was read; `broken` names definitions that were not."""

    program: ast.Program
    diagnostics: tuple[Diagnostic, ...]
    source: Source
    broken: frozenset[str] = frozenset()
    comments: tuple[Token, ...] = ()


def parse(text: str, filename: str = "<text>") -> ParseResult:
    """The syntax tree of a text, and what is wrong with it."""
    source = Source(text, filename)
    span = Span(0, len(text))
    problem = scan(text, filename)
    if problem is not None:
        return ParseResult(ast.Program(span, ()), (problem,), source)
    parser = Parser(text, filename)
    parser.run()
    program = ast.Program(span, tuple(parser.items))
    found = sorted(parser.diagnostics, key=lambda d: d.span.start)[:MOST]
    comments = tuple(parser.lexed.comments)
    return ParseResult(program, tuple(found), source, frozenset(parser.broken), comments)


class Parser:
    """One run over one text."""

    def __init__(self, text: str, file: str) -> None:
        tables = load()
        self.text, self.file = text, file
        self.lexed: Lexed = lex(text, file, tables)
        self.tokens = self.lexed.tokens
        self.diagnostics = list(self.lexed.diagnostics)
        self.lossy = list(self.lexed.lossy)  # places whose reading is a guess, in order
        self.machine = Automaton(tables, self._finish)
        self.items: list[ast.Use | ast.Definition] = []
        self.broken: set[str] = set()
        self.deep = False  # was a tree of this definition too deep?
        self.last = ""

    def run(self) -> None:
        at = 0
        synced = -1
        while True:
            token = self.tokens[at]
            kind = resolve(self.machine, self.machine.row, self.tokens, at)
            wrong = kind == "NAME" and misplaced(self.machine, self.tokens, at, self.last)
            if not wrong and self.machine.feed(token, kind):
                if kind == END:
                    return
                self.last = kind
                at += 1
                continue
            if len(self.diagnostics) >= MOST:
                return
            before = at
            at = self._panic(at) if at == synced else self._recover(at)
            synced = at if at > before or not self.last else synced
            if at >= len(self.tokens):
                return

    # -- errors ------------------------------------------------------------------------------------

    def report(self, diagnostic: Diagnostic) -> None:
        self.diagnostics.append(diagnostic)

    def guess(self, place: int) -> None:
        insort(self.lossy, place)

    def guessed(self, start: int, end: int) -> bool:
        at = bisect_left(self.lossy, start)
        return at < len(self.lossy) and self.lossy[at] < end

    def _recover(self, at: int) -> int:
        """Report the error at a token and go on, by a repair or behind it."""
        token = self.tokens[at]
        self.machine.settle("OP")
        if token.fresh:
            self.machine.settle("PARAM")
        line = max(self.text.rfind("\n", 0, token.start), self.text.rfind("\r", 0, token.start))
        if self.guessed(min(statement_start(self, token), line + 1), token.start):
            return self._panic(at)
        situation = Situation(self.machine, self.tokens, at, self.last, self.file)
        repair = next(repairs(situation), None)
        if repair is None:
            self.report(unexpected(situation))
            return self._panic(at)
        self.report(repair.diagnostic)
        before = self.tokens[at - 1] if at and not repair.skipped else token
        if repair.lossy:
            self.guess(before.start)
        old = self.tokens[at : at + repair.skipped]
        place = token.span if old else Span(before.end, before.end)
        new = [self._virtual(kind, place, old) for kind in repair.inserted]
        self.tokens[at : at + repair.skipped] = new
        return at

    def _virtual(self, kind: str, place: Span, old: list[Token]) -> Token:
        """A token that was not written."""
        text = self.machine.tables.word(kind) or ("==" if kind == "COMPARE" else "name")
        text = old[0].text if kind == "NAME" and old else text
        word = "NAME" if text.isidentifier() else kind
        return Token(word, text, place.start, place.end, bool(old) and old[0].fresh)

    def _panic(self, at: int) -> int:
        self.last = ""
        return panic(self, at)

    # -- what is built -----------------------------------------------------------------------------

    def _finish(self, name: str, kids: list[Any], value: Any, depth: int) -> Any:
        """Look at what a rule built: limits, brackets on other lines, guesses."""
        if depth > DEPTH:
            return self._too_deep(value)
        if name in _CALLED:
            self._same_line(kids)
        elif name in _SIMPLE:
            span: Span = value.span
            if self.lossy and self.guessed(span.start, span.end):
                return stand_in(value)
        elif name in ("op", "model", "use"):
            self._finish_item(value, kids)
        elif name in ("if", "for") and self.lossy:
            return self._finish_branch(value, kids)
        return value

    def _too_deep(self, value: Any) -> Any:
        """The whole definition is given up; what is too deep is cut off at once."""
        span: Span = value.span
        if not self.deep:
            place = Span(span.start, span.start + 1)
            self.report(too_deep(place, f"expressions and blocks nest {DEPTH}", self.file))
        self.deep = True
        bad = ast.Bad(span)
        return ast.If(span, bad, (), ()) if isinstance(value, ast.If | ast.For) else bad

    def _finish_item(self, item: ast.Use | ast.Definition, kids: list[Any]) -> None:
        span = item.span
        body = span.end if isinstance(item, ast.Use) else kids[-1].span.start
        deep, self.deep = self.deep, False
        if not deep and not self.guessed(span.start, body):
            self.items.append(item)
        elif isinstance(item, ast.Definition):
            self.broken.add(item.name.id)

    def _finish_branch(self, value: ast.If | ast.For, kids: list[Any]) -> ast.If | ast.For:
        """A head that was guessed at is not evaluated."""
        block = kids[2] if isinstance(value, ast.If) else kids[4]
        if not self.guessed(value.span.start, block.span.start):
            return value
        bad = ast.Bad(Span(value.span.start, block.span.start))
        if isinstance(value, ast.If):
            return ast.If(value.span, bad, value.then, value.otherwise)
        return ast.For(value.span, value.variable, bad, value.body)

    def _same_line(self, kids: list[Any]) -> None:
        """A bracket belongs to what stands on its own line."""
        first = 2 if isinstance(kids[1], Token) else 0  # behind `value |>`
        for left, right in zip(kids[first:], kids[first + 1 :], strict=False):
            end, start = left.span.end, right.span.start
            between = self.text[end:start]
            if "\n" in between or "\r" in between:
                bracket = self.text[start : start + 1]
                owner = f"`{left.text}`" if isinstance(left, Token) else "its value"
                fix = None if between.strip() else Fix(Span(end, start), "")
                message = f"`{bracket}` stands on another line than {owner}"
                help = f"no statement begins with `{bracket}`: put it behind {owner}"
                self.report(Diagnostic("E0004", message, Span(start, start + 1), help=help,
                                       fix=fix, file=self.file))  # fmt: skip
                self.guess(start)
