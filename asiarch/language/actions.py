"""From reductions to records: what each rule of the grammar builds.

One function per rule or alias, named alike, of the values of its symbols from left to right.
Knows `asiarch.language.ast`; refuses nothing, since the grammar has accepted it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from asiarch.language import ast
from asiarch.language.ast import Span
from asiarch.language.lexer import Token

Kids = list[Any]
Action = Callable[[Kids], Any]
N = TypeVar("N")


@dataclass(frozen=True, slots=True)
class Part:
    """Values of a bracketed or listed part, until its owner is built."""

    kind: str
    span: Span
    items: tuple[Any, ...]


def cover(kids: Kids) -> Span:
    return Span(kids[0].span.start, kids[-1].span.end)


def identifier(token: Token) -> ast.Name:
    return ast.Name(token.span, token.text)


def nodes(kids: Kids) -> tuple[Any, ...]:
    return tuple(k for k in kids if not isinstance(k, Token))


def part_of(kids: Kids, kind: str) -> tuple[Any, ...]:
    return next((k.items for k in kids if isinstance(k, Part) and k.kind == kind), ())


def first_of(kids: Sequence[Any], kind: type[N]) -> N | None:
    return next((k for k in kids if isinstance(k, kind)), None)


# -- definitions -----------------------------------------------------------------------------------


def start(kids: Kids) -> tuple[Any, ...]:
    return tuple(kids)


def use(kids: Kids) -> ast.Use:
    return ast.Use(cover(kids), tuple(identifier(k) for k in kids[1::2]))


def definition(kids: Kids) -> ast.Definition:
    header, formals = part_of(kids, "header"), part_of(kids, "formals")
    results, claims, body = part_of(kids, "results"), part_of(kids, "claims"), kids[-1].items
    kind, name = kids[0].text, identifier(kids[1])
    return ast.Definition(cover(kids), kind, name, header, formals, results, claims, body)


def part(kind: str) -> Action:
    def make(kids: Kids) -> Part:
        return Part(kind, cover(kids), nodes(kids))

    return make


def header_axis(kids: Kids) -> ast.HeaderAxis:
    return ast.HeaderAxis(cover(kids), identifier(kids[0]), kids[2] if len(kids) == 3 else None)


def spread_axis(kids: Kids) -> ast.HeaderAxis:
    return ast.HeaderAxis(cover(kids), identifier(kids[0]), spread=True)


def each_axis(kids: Kids) -> ast.HeaderAxis:
    return ast.HeaderAxis(cover(kids), identifier(kids[1]), each=True)


def formal(kids: Kids) -> ast.Formal:
    return ast.Formal(cover(kids), identifier(kids[0]), kids[2] if len(kids) == 3 else None)


def type_(kids: Kids) -> ast.TypeExpr:
    axes = kids[1].items if len(kids) == 2 else None
    return ast.TypeExpr(cover(kids), identifier(kids[0]), axes)


def spread(kids: Kids) -> ast.Spread:
    return ast.Spread(cover(kids), kids[0].text)


def claim(kids: Kids) -> ast.Claim:
    return ast.Claim(cover(kids), kids[0], kids[2] if len(kids) == 3 else None)


def interval(kids: Kids) -> ast.Interval:
    opening, low, _, high, closing = kids
    return ast.Interval(cover(kids), low, high, opening.kind == "LPAR", closing.kind == "RPAR")


# -- statements ------------------------------------------------------------------------------------


def block(kids: Kids) -> Part:
    """A statement that could not be read left a tuple of what stands for it."""
    body: list[ast.Statement] = []
    for kid in kids[1:-1]:
        body += kid if isinstance(kid, tuple) else (kid,)
    return Part("block", cover(kids), tuple(body))


def param(kids: Kids) -> ast.Param:
    return ast.Param(cover(kids), identifier(kids[1]), part_of(kids, "axes"), kids[-1])


def state(kids: Kids) -> ast.State:
    initial = kids[-1] if isinstance(kids[-2], Token) and kids[-2].kind == "EQUAL" else None
    return ast.State(cover(kids), identifier(kids[1]), part_of(kids, "axes"), initial)


def share(kids: Kids) -> ast.Share:
    brackets = first_of(kids, ast.Brackets)
    return ast.Share(cover(kids), identifier(kids[1]), identifier(kids[3]), brackets)


def equation(kids: Kids) -> ast.Equation:
    return ast.Equation(cover(kids), nodes(kids[:-1]), kids[-1])


def return_(kids: Kids) -> ast.Return:
    return ast.Return(cover(kids), nodes(kids))


def loss(kids: Kids) -> ast.Loss:
    return ast.Loss(cover(kids), kids[1])


def for_(kids: Kids) -> ast.For:
    return ast.For(cover(kids), identifier(kids[1]), kids[3], kids[4].items)


def if_(kids: Kids) -> ast.If:
    otherwise: tuple[ast.Statement, ...] = ()
    if len(kids) == 5:
        otherwise = (kids[4],) if isinstance(kids[4], ast.If) else kids[4].items
    return ast.If(cover(kids), kids[1], kids[2].items, otherwise)


# -- expressions -----------------------------------------------------------------------------------


def name(kids: Kids) -> ast.Name:
    return identifier(kids[0])


def prime(kids: Kids) -> ast.Prime:
    return ast.Prime(kids[0].span, kids[0].text[:-1])


def number(kids: Kids) -> ast.Number:
    text = kids[0].text
    return ast.Number(kids[0].span, text, int(text) if text.isdigit() else float(text))


def paren(kids: Kids) -> ast.Paren:
    return ast.Paren(cover(kids), kids[1])


def unary(kids: Kids) -> ast.Unary:
    return ast.Unary(cover(kids), kids[0].text, kids[1])


def binary(kids: Kids) -> ast.Binary:
    left, op, right = kids
    return ast.Binary(cover(kids), op.text, left, right, op.span)


def compare(kids: Kids) -> ast.Compare:
    return ast.Compare(cover(kids), tuple(k.text for k in kids[1::2]), tuple(kids[0::2]))


def pipe(kids: Kids) -> ast.Pipe:
    brackets = first_of(kids[3:], ast.Brackets)
    arguments = part_of(kids[3:], "arguments")
    return ast.Pipe(cover(kids), kids[0], identifier(kids[2]), brackets, arguments)


def call(kids: Kids) -> ast.Call:
    brackets = first_of(kids, ast.Brackets)
    return ast.Call(cover(kids), identifier(kids[0]), brackets, kids[-1].items)


def argument(kids: Kids) -> ast.Argument:
    return ast.Argument(cover(kids), kids[0].text if len(kids) == 3 else None, kids[-1])


def slot(kids: Kids) -> ast.Slot:
    return ast.Slot(cover(kids), kids[0].text if len(kids) == 3 else None, kids[-1])


def spread_slot(kids: Kids) -> ast.Slot:
    return ast.Slot(cover(kids), None, spread(kids))


def index(kids: Kids) -> ast.Index:
    base = kids[0]
    if isinstance(base, Token):
        base = identifier(base) if base.kind == "NAME" else prime([base])
    return ast.Index(cover(kids), base, kids[1])


def brackets(kids: Kids) -> ast.Brackets:
    """Slots, then those behind `->`, then the axes behind `each`."""
    slots: list[ast.Slot] = []
    each: list[ast.Name | ast.Spread] = []
    arrow: list[ast.Slot] | None = None
    for kid in kids:
        if isinstance(kid, ast.Slot):
            (slots if arrow is None else arrow).append(kid)
        elif not isinstance(kid, Token):
            each.append(kid)
        elif kid.kind == "ARROW":
            arrow = []
    behind = None if arrow is None else tuple(arrow)
    return ast.Brackets(cover(kids), tuple(slots), behind, tuple(each))


def attend(kids: Kids) -> ast.Attend:
    fields = tuple(k for k in kids if isinstance(k, ast.Field))
    return ast.Attend(cover(kids), identifier(kids[1]), kids[3], fields)


def field(kids: Kids) -> ast.Field:
    return ast.Field(Span(kids[0].start, kids[2].span.end), identifier(kids[0]), kids[2])


ACTIONS: dict[str, Action] = {
    "start": start,
    "use": use,
    "op": definition,
    "model": definition,
    "header": part("header"),
    "header_axis": header_axis,
    "spread_axis": spread_axis,
    "each_axis": each_axis,
    "formals": part("formals"),
    "formal": formal,
    "results": part("results"),
    "type": type_,
    "axes": part("axes"),
    "spread": spread,
    "claims": part("claims"),
    "claim": claim,
    "interval": interval,
    "block": block,
    "param": param,
    "state": state,
    "share": share,
    "equation": equation,
    "return": return_,
    "loss": loss,
    "for": for_,
    "if": if_,
    "name": name,
    "prime": prime,
    "number": number,
    "paren": paren,
    "unary": unary,
    "binary": binary,
    "compare": compare,
    "pipe": pipe,
    "call": call,
    "arguments": part("arguments"),
    "argument": argument,
    "slot": slot,
    "spread_slot": spread_slot,
    "index": index,
    "brackets": brackets,
    "attend": attend,
    "field": field,
}

# Rules whose result nests one deeper than its deepest part.
DEEPER = frozenset({
    "paren", "unary", "binary", "compare", "pipe", "call", "index", "attend", "for", "if",
})  # fmt: skip
