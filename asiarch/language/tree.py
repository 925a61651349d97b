"""Parser actions: rules of the grammar to the records of `asiarch.language.ast`, bottom-up."""

from __future__ import annotations

from typing import Any

from lark import Token, v_args
from lark.visitors import Transformer_NonRecursive

from asiarch.language import ast
from asiarch.language.ast import Span
from asiarch.language.diagnostics import Diagnostic
from asiarch.language.limits import DEPTH


def span_of(meta: Any) -> Span:
    return Span(getattr(meta, "start_pos", 0), getattr(meta, "end_pos", 0))


def token_span(token: Token) -> Span:
    return Span(token.start_pos or 0, token.end_pos or 0)


def named(token: Token) -> ast.Name:
    return ast.Name(token_span(token), str(token))


class TooDeep(Exception):
    """An expression nests deeper than the limit."""

    def __init__(self, span: Span) -> None:
        super().__init__()
        self.span = span


@v_args(meta=True)
class Builder(Transformer_NonRecursive[Any, Any]):
    """One per parse. `notes` holds brackets that stand on another line than their name."""

    def __init__(self, text: str, file: str) -> None:
        super().__init__()
        self.text, self.file = text, file
        self.notes: list[Diagnostic] = []
        self.depths: dict[int, int] = {}
        self.kept: list[Any] = []

    def _deep(self, node: Any, *children: Any, flat: Any = None) -> Any:
        """Remember a node's depth; a left operand of the same kind does not count."""
        depth = 1 + max((self.depths.get(id(c), 0) for c in children), default=0)
        if flat is not None:
            depth = max(depth, self.depths.get(id(flat), 0))
        if depth > DEPTH:
            raise TooDeep(node.span)
        self.depths[id(node)] = depth
        self.kept.append(node)
        return node

    # -- file ------------------------------------------------------------------------------------

    def start(self, meta: Any, items: list[Any]) -> ast.Program:
        return ast.Program(Span(0, len(self.text)), tuple(items))

    def use(self, meta: Any, items: list[Any]) -> ast.Use:
        return ast.Use(span_of(meta), tuple(named(t) for t in items))

    def op(self, meta: Any, items: list[Any]) -> ast.Definition:
        return self._definition("op", meta, items)

    def model(self, meta: Any, items: list[Any]) -> ast.Definition:
        return self._definition("model", meta, items)

    def _definition(self, kind: str, meta: Any, items: list[Any]) -> ast.Definition:
        name, header, claims, body = named(items[0]), (), (), ()
        formals: list[ast.Formal] = []
        results: list[ast.TypeExpr] = []
        for item in items[1:]:
            match item:
                case ("header", value):
                    header = value
                case ("claims", value):
                    claims = value
                case ("block", value):
                    body = value
                case ast.Formal():
                    formals.append(item)
                case ast.TypeExpr():
                    results.append(item)
                case _:
                    continue
        return ast.Definition(
            span_of(meta), kind, name, header, tuple(formals), tuple(results), claims, body
        )

    def header(self, meta: Any, items: list[Any]) -> tuple[str, tuple[ast.HeaderAxis, ...]]:
        return "header", tuple(items)

    def axis(self, meta: Any, items: list[Any]) -> ast.HeaderAxis:
        default = items[1] if len(items) > 1 else None
        return ast.HeaderAxis(span_of(meta), named(items[0]), default)

    def spread_axis(self, meta: Any, items: list[Any]) -> ast.HeaderAxis:
        return ast.HeaderAxis(span_of(meta), named(items[0]), spread=True)

    def each_axis(self, meta: Any, items: list[Any]) -> ast.HeaderAxis:
        return ast.HeaderAxis(span_of(meta), named(items[1]), each=True)

    def formal(self, meta: Any, items: list[Any]) -> ast.Formal:
        return ast.Formal(span_of(meta), named(items[0]), items[1] if len(items) > 1 else None)

    def type(self, meta: Any, items: list[Any]) -> ast.TypeExpr:
        axes = items[1] if len(items) > 1 else None
        return ast.TypeExpr(span_of(meta), named(items[0]), axes)

    def axes(self, meta: Any, items: list[Any]) -> tuple[ast.Name | ast.Spread, ...]:
        return tuple(items)

    def spread(self, meta: Any, items: list[Any]) -> ast.Spread:
        return ast.Spread(span_of(meta), str(items[0]))

    def claims(self, meta: Any, items: list[Any]) -> tuple[str, tuple[ast.Claim, ...]]:
        return "claims", tuple(items)

    def claim(self, meta: Any, items: list[Any]) -> ast.Claim:
        return ast.Claim(span_of(meta), items[0], items[1] if len(items) > 1 else None)

    def open_open(self, meta: Any, items: list[Any]) -> ast.Interval:
        return ast.Interval(span_of(meta), items[0], items[1], True, True)

    def open_closed(self, meta: Any, items: list[Any]) -> ast.Interval:
        return ast.Interval(span_of(meta), items[0], items[1], True, False)

    def closed_open(self, meta: Any, items: list[Any]) -> ast.Interval:
        return ast.Interval(span_of(meta), items[0], items[1], False, True)

    def closed_closed(self, meta: Any, items: list[Any]) -> ast.Interval:
        return ast.Interval(span_of(meta), items[0], items[1], False, False)

    # -- statements ------------------------------------------------------------------------------

    def block(self, meta: Any, items: list[Any]) -> tuple[str, tuple[ast.Statement, ...]]:
        return "block", tuple(items)

    def param(self, meta: Any, items: list[Any]) -> ast.Param:
        axes = items[1] if len(items) > 2 else ()
        return ast.Param(span_of(meta), named(items[0]), axes, items[-1])

    def state(self, meta: Any, items: list[Any]) -> ast.State:
        return ast.State(
            span_of(meta), named(items[0]), items[1], items[2] if len(items) > 2 else None
        )

    def share(self, meta: Any, items: list[Any]) -> ast.Share:
        brackets = items[2] if len(items) > 2 else None
        return ast.Share(span_of(meta), named(items[0]), named(items[1]), brackets)

    def equation(self, meta: Any, items: list[Any]) -> ast.Equation:
        return ast.Equation(span_of(meta), tuple(items[:-1]), items[-1])

    def return_(self, meta: Any, items: list[Any]) -> ast.Return:
        return ast.Return(span_of(meta), tuple(items))

    def loss(self, meta: Any, items: list[Any]) -> ast.Loss:
        return ast.Loss(span_of(meta), items[0])

    def loop(self, meta: Any, items: list[Any]) -> ast.For:
        return ast.For(span_of(meta), named(items[0]), items[1], items[2][1])

    def branch(self, meta: Any, items: list[Any]) -> ast.If:
        otherwise: tuple[ast.Statement, ...] = ()
        if len(items) > 2:
            last = items[-1]
            otherwise = (last,) if isinstance(last, ast.If) else last[1]
        made = ast.If(span_of(meta), items[0], items[1][1], otherwise)
        return self._deep(made, *otherwise)

    # -- expressions -----------------------------------------------------------------------------

    def name(self, meta: Any, items: list[Any]) -> ast.Name:
        return named(items[0])

    def prime(self, meta: Any, items: list[Any]) -> ast.Prime:
        return ast.Prime(token_span(items[0]), str(items[0])[:-1])

    def number(self, meta: Any, items: list[Any]) -> ast.Number:
        text = str(items[0])
        value = float(text) if any(c in text for c in ".eE") else int(text)
        return ast.Number(token_span(items[0]), text, value)

    def paren(self, meta: Any, items: list[Any]) -> ast.Paren:
        return self._deep(ast.Paren(span_of(meta), items[0]), items[0])

    def unary(self, meta: Any, items: list[Any]) -> ast.Unary:
        return self._deep(ast.Unary(span_of(meta), str(items[0]), items[1]), items[1])

    def binary(self, meta: Any, items: list[Any]) -> Any:
        left, op, right = items
        made = ast.Binary(span_of(meta), str(op), left, right, token_span(op))
        if isinstance(left, ast.Binary):
            return self._deep(made, right, flat=left)
        return self._deep(made, left, right)

    def compare(self, meta: Any, items: list[Any]) -> ast.Compare:
        made = ast.Compare(span_of(meta), tuple(str(t) for t in items[1::2]), tuple(items[0::2]))
        return self._deep(made, *items[0::2])

    def pipe(self, meta: Any, items: list[Any]) -> ast.Pipe:
        brackets, arguments = self._call_parts(items[1], items[2:])
        made = ast.Pipe(span_of(meta), items[0], named(items[1]), brackets, arguments)
        return self._deep(made, items[0], *self._inner(brackets, arguments))

    def call(self, meta: Any, items: list[Any]) -> ast.Call:
        brackets, arguments = self._call_parts(items[0], items[1:])
        made = ast.Call(span_of(meta), named(items[0]), brackets, arguments)
        return self._deep(made, *self._inner(brackets, arguments))

    def _call_parts(
        self, name: Token, items: list[Any]
    ) -> tuple[ast.Brackets | None, tuple[ast.Argument, ...]]:
        brackets: ast.Brackets | None = None
        arguments: tuple[ast.Argument, ...] = ()
        end = token_span(name).end
        for item in items:
            if isinstance(item, ast.Brackets):
                brackets = item
                self._same_line(end, item.span.start, str(name))
                end = item.span.end
            else:
                arguments = item[1]
                self._same_line(end, item[0].start, str(name))
        return brackets, arguments

    def _same_line(self, end: int, start: int, name: str) -> None:
        if "\n" in self.text[end:start]:
            opening = self.text[start : start + 1]
            self.notes.append(
                Diagnostic(
                    "E0004",
                    f"`{opening}` stands on another line than `{name}`, which it belongs to",
                    Span(start, start + 1),
                    help=f"put `{opening}` right behind `{name}`; a statement does not start "
                    f"with `{opening}`",
                    file=self.file,
                )
            )

    @staticmethod
    def _inner(brackets: ast.Brackets | None, arguments: tuple[ast.Argument, ...]) -> list[Any]:
        inner: list[Any] = [a.value for a in arguments]
        if brackets is not None:
            inner += [s.value for s in (*brackets.slots, *(brackets.arrow or ()))]
        return inner

    def arguments(self, meta: Any, items: list[Any]) -> tuple[Span, tuple[ast.Argument, ...]]:
        return span_of(meta), tuple(items)

    def argument(self, meta: Any, items: list[Any]) -> ast.Argument:
        if len(items) == 2:
            return ast.Argument(span_of(meta), str(items[0]), items[1])
        return ast.Argument(span_of(meta), None, items[0])

    def name_index(self, meta: Any, items: list[Any]) -> ast.Index:
        self._same_line(token_span(items[0]).end, items[1].span.start, str(items[0]))
        made = ast.Index(span_of(meta), named(items[0]), items[1])
        return self._deep(made, *self._inner(items[1], ()))

    def prime_index(self, meta: Any, items: list[Any]) -> ast.Index:
        return ast.Index(span_of(meta), self.prime(meta, items), items[1])

    def index(self, meta: Any, items: list[Any]) -> ast.Index:
        self._same_line(items[0].span.end, items[1].span.start, "this value")
        made = ast.Index(span_of(meta), items[0], items[1])
        return self._deep(made, items[0], *self._inner(items[1], ()))

    def brackets(self, meta: Any, items: list[Any]) -> ast.Brackets:
        slots: list[ast.Slot] = []
        arrow: list[ast.Slot] | None = None
        each: list[ast.Name | ast.Spread] = []
        part = "slots"
        for item in items:
            if isinstance(item, Token):
                part = "arrow" if item.type == "ARROW" else "each"
                arrow = [] if part == "arrow" else arrow
            elif part == "each":
                each.append(item)
            elif part == "arrow" and arrow is not None:
                arrow.append(item)
            else:
                slots.append(item)
        found = None if arrow is None else tuple(arrow)
        return ast.Brackets(span_of(meta), tuple(slots), found, tuple(each))

    def slot(self, meta: Any, items: list[Any]) -> ast.Slot:
        if len(items) == 2:
            return ast.Slot(span_of(meta), str(items[0]), items[1])
        return ast.Slot(span_of(meta), None, items[0])

    def spread_slot(self, meta: Any, items: list[Any]) -> ast.Slot:
        span = span_of(meta)
        return ast.Slot(span, None, ast.Spread(span, str(items[0])))

    def attend(self, meta: Any, items: list[Any]) -> ast.Attend:
        made = ast.Attend(span_of(meta), named(items[0]), items[1], tuple(items[2:]))
        return self._deep(made, items[1], *(f.value for f in items[2:]))

    def field(self, meta: Any, items: list[Any]) -> ast.Field:
        return ast.Field(span_of(meta), named(items[0]), items[1])


setattr(Builder, "return", Builder.return_)
