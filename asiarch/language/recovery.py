"""Where reading goes on after an error that no small repair mends.

The statement is dropped up to the next that surely begins; its names stay bound to nothing. The
head of a definition, a loop or a branch is dropped up to its `{`, so that the body is still read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from asiarch.language import ast
from asiarch.language.ast import Span
from asiarch.language.lexer import END, Token
from asiarch.language.slips import STATEMENTS, begins_definition, open_brackets

if TYPE_CHECKING:
    from asiarch.language.parser import Parser


def stand_in(statement: Any) -> Any:
    """What is left of a statement whose text was guessed at: its names, without values."""
    match statement:
        case ast.Equation():
            return _bound(statement.span, list(statement.targets))
        case ast.Param() | ast.State() | ast.Share():
            return _bound(statement.span, [statement.name])
        case ast.Return():
            return ast.Return(statement.span, (ast.Bad(statement.span),))
        case _:
            return ()


def _bound(span: Span, names: list[Any]) -> tuple[ast.Equation, ...]:
    bad = ast.Bad(span)
    return tuple(ast.Equation(span, (ast.Name(n.span, n.id),), bad) for n in names)


def panic(parser: Parser, at: int) -> int:
    """Drop what cannot be read; the place in the tokens where reading goes on."""
    machine = parser.machine
    level = _block_level(parser)
    if level is None:
        return _outside(parser, at)
    above = machine.values[level:]
    if above and isinstance(above[0], Token) and above[0].text in ("if", "for"):
        opening = _opening(parser, at)
        if opening is not None:
            _head_again(parser, level, above)
            return opening
    start = _start(above, parser.tokens[at])
    depth = sum(v.kind == "LBRACE" for v in open_brackets(above))
    stop = _next_statement(parser, at, start, depth)
    if stop == at and not above and parser.tokens[at].kind != "RBRACE":
        stop += parser.tokens[at].kind != END
    machine.cut(level)
    names = _names(parser.tokens, start, parser.tokens[stop].start)
    if names:
        machine.push("equation", names)
    return _leave_definition(parser, stop)


def _block_level(parser: Parser) -> int | None:
    """How many values stand below the statement that is being read, or None outside of blocks."""
    machine = parser.machine
    for at in range(len(machine.stack) - 1, -1, -1):
        if "equation" in machine.states[machine.stack[at]]:
            return at
    return None


def statement_start(parser: Parser, token: Token) -> int:
    """Where the statement or head begins that an error at `token` belongs to."""
    level = _block_level(parser)
    if level is None:
        level = int(bool(parser.machine.values) and isinstance(parser.machine.values[0], list))
    return _start(parser.machine.values[level:], token)


def _start(above: list[Any], token: Token) -> int:
    if not above:
        return token.start
    first = above[0]
    if isinstance(first, list):
        first = cast("list[Any]", first)[0]
    return first.span.start


def _column(parser: Parser, place: int) -> int:
    return place - max(parser.text.rfind("\n", 0, place), parser.text.rfind("\r", 0, place))


def _next_statement(parser: Parser, at: int, start: int, depth: int) -> int:
    """The first token from `at` on that surely begins another statement, or ends the block."""
    column = _column(parser, start)
    round_depth = 0
    tokens = parser.tokens
    for place in range(at, len(tokens)):
        token = tokens[place]
        if token.kind == END or begins_definition(tokens, place):
            return place
        if token.kind == "RBRACE":
            if depth <= 0:
                return place
            depth -= 1
        elif token.kind == "LBRACE":
            depth += 1
        elif token.kind in ("LPAR", "LSQB"):
            round_depth += 1
        elif token.kind in ("RPAR", "RSQB"):
            round_depth -= 1
        if token.fresh and token.start > start and token.kind == "NAME" and token.text != "else":
            begins = token.text in STATEMENTS or tokens[place + 1].kind in ("EQUAL", "COMMA")
            inside = depth > 0 or round_depth > 0
            if _column(parser, token.start) <= column or (begins and not inside):
                return place
    return len(tokens) - 1


def _names(tokens: list[Token], start: int, stop: int) -> tuple[ast.Statement, ...]:
    """Equations to nothing for the names that a dropped statement would have bound."""
    inside = [t for t in tokens if start <= t.start < stop][:16]
    if not inside:
        return ()
    span = Span(start, max(t.end for t in inside))
    if inside[0].text == "return":
        return (ast.Return(span, (ast.Bad(span),)),)
    if inside[0].text in ("param", "state", "share"):
        return _bound(span, [_name(t) for t in inside[1:2] if t.kind == "NAME"])
    names: list[ast.Name] = []
    for token in inside[0::2]:
        if token.kind != "NAME" or token.text in STATEMENTS:
            break
        names.append(_name(token))
        after = inside.index(token) + 1
        if after >= len(inside) or inside[after].kind != "COMMA":
            break
    return _bound(span, names)


def _name(token: Token) -> ast.Name:
    return ast.Name(token.span, token.text)


def _opening(parser: Parser, at: int) -> int | None:
    """The `{` of a head that is being read, if it comes before anything else begins."""
    for place in range(at, len(parser.tokens)):
        token = parser.tokens[place]
        if token.kind == "LBRACE":
            return place
        if token.kind in ("RBRACE", END) or begins_definition(parser.tokens, place):
            return None
        if token.fresh and place > at and token.text in STATEMENTS:
            return None
    return None


def _head_again(parser: Parser, level: int, above: list[Any]) -> None:
    """Put a head in place of one that cannot be read: its value is `Bad`."""
    machine = parser.machine
    if isinstance(above[-1], Token) and above[-1].text == "else":
        return
    word = above[0]
    machine.cut(level)
    bad = ast.Bad(word.span)
    if word.text == "if":
        machine.push("IF", word)
        machine.push("expr", bad)
        return
    variable = above[1] if len(above) > 1 else word
    name = Token("NAME", getattr(variable, "text", "n"), word.start, word.end, False)
    machine.push("FOR", word)
    machine.push("NAME", name)
    machine.push("IN", word)
    machine.push("expr", bad)


def _outside(parser: Parser, at: int) -> int:
    """In the head of a definition, or between definitions."""
    machine = parser.machine
    level = 1 if machine.values and isinstance(machine.values[0], list) else 0
    if level == 0 and len(machine.stack) > 1 and "OP" in machine.states[machine.stack[1]]:
        level = 1
    above = machine.values[level:]
    machine.cut(level)
    if not above or not isinstance(above[0], Token):
        return _next_definition(parser, at)
    opening = None if above[0].text == "use" else _opening(parser, at)
    name = above[1] if len(above) > 1 and isinstance(above[1], Token) else None
    if name is not None:
        parser.broken.add(name.text)
    if opening is None:
        return _next_definition(parser, at)
    machine.push(above[0].text.upper(), above[0])
    machine.push("NAME", name or Token("NAME", "_", above[0].start, above[0].end, False))
    if above[0].text == "op":
        machine.push("LPAR", above[0])
        machine.push("RPAR", above[0])
    parser.guess(above[0].start)
    return opening


def _next_definition(parser: Parser, at: int) -> int:
    for place in range(at, len(parser.tokens)):
        if parser.tokens[place].kind == END or begins_definition(parser.tokens, place):
            return place
    return len(parser.tokens) - 1


def _leave_definition(parser: Parser, at: int) -> int:
    """At the next definition with blocks still open: they are closed without a word."""
    tokens, machine = parser.tokens, parser.machine
    if tokens[at].kind != END and not begins_definition(tokens, at):
        return at
    count = sum(v.kind == "LBRACE" for v in open_brackets(machine.values))
    place = tokens[at].start
    tokens[at:at] = [Token("RBRACE", "}", place, place, False) for _ in range(count)]
    return at
