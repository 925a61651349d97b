"""The one layout: two spaces of indent, lines to 100 columns, comments at their place.

Blocks and `attend`s that were written on one line stay there if they fit. Blank lines between
statements are kept, one at most. Comments inside an expression move to the line above it. Decides
nothing about meaning: the tree of the output is the tree of the input.
"""

from __future__ import annotations

import builtins
import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from asiarch.language import ast, documents
from asiarch.language.diagnostics import SpecError
from asiarch.language.layout import HARD, STEP, Doc, Nest, lay_out
from asiarch.language.parser import parse
from asiarch.language.source import Source

WIDTH = 100
_LEXEME = re.compile(r"#[^\n\r]*|[{}]")


def format(text: str, filename: str = "<text>") -> str:
    """`text` in the one layout. Raises SpecError with the syntax errors of a text that has any."""
    result = parse(text, filename)
    if any(d.severity == "error" for d in result.diagnostics):
        raise SpecError(result.diagnostics, result.source)
    printer = _Printer(result.source)
    printer.sequence(result.program.items, 0, len(text), 0)
    return "".join(f"{line}\n" for line in printer.lines)


@dataclass(frozen=True, slots=True)
class _Comment:
    start: int
    end: int
    text: str
    own_line: bool


_Item = ast.Use | ast.Definition | ast.Statement | ast.Field


class _Printer:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.lines: list[str] = []
        self.comments: list[_Comment] = []
        self.next = 0  # the first comment not printed yet
        self.closing: dict[int, int] = {}  # of every `{`, its `}`
        self.opening: dict[int, int] = {}
        self._scan(source.text)
        self.braces = sorted(self.closing.items())

    def _scan(self, text: str) -> None:
        stack: list[int] = []
        for match in _LEXEME.finditer(text):
            at = match.start()
            if match.group() == "{":
                stack.append(at)
            elif match.group() == "}":
                if stack:
                    self.closing[stack[-1]] = at
                    self.opening[at] = stack.pop()
            else:
                own = not text[self._line_start(at) : at].strip("\ufeff \t")
                comment = match.group().rstrip()
                self.comments.append(_Comment(at, match.end(), comment, own))

    def _line_start(self, at: int) -> int:
        return self.source.starts[self._line(at) - 1]

    def _line(self, at: int) -> int:
        return self.source.position(at).line

    # -- sequences and their comments --------------------------------------------------------------

    def sequence(self, items: Sequence[_Item], begin: int, end: int, indent: int) -> None:
        """The items between the offsets, with the comments that stand between them."""
        at = begin
        if begin > 0:
            self._trailing(begin, end)
        fresh = True
        for item in items:
            at, fresh = self._flush(at, item.span.start, indent, fresh)
            self._gap(at, item.span.start, fresh, item)
            above = len(self.lines)
            self._hoist(item, indent)
            first = len(self.lines)
            self._item(item, indent)
            if isinstance(item, ast.Definition) and len(self.lines) > first + 1:
                self._set_off(above)
            at, fresh = item.span.end, False
            self._skip(at)
            self._trailing(at, end)
            at = max(at, self._printed_to())
        self._flush(at, end, indent, fresh)

    def _skip(self, end: int) -> None:
        """Pass comments that an item has printed with itself."""
        while self.next < len(self.comments) and self.comments[self.next].start < end:
            self.next += 1

    def _printed_to(self) -> int:
        return self.comments[self.next - 1].end if self.next else 0

    def _flush(self, at: int, end: int, indent: int, fresh: bool) -> tuple[int, bool]:
        """Comments up to `end`, on lines of their own."""
        while self.next < len(self.comments) and self.comments[self.next].start < end:
            comment = self.comments[self.next]
            self._gap(at, comment.start, fresh, None)
            if indent == 0 and self.lines and self.lines[-1] == "}":
                self.lines.append("")
            self.lines.append(" " * indent + comment.text)
            self.next += 1
            at, fresh = comment.end, False
        return at, fresh

    def _gap(self, at: int, start: int, fresh: bool, item: _Item | None) -> None:
        """One empty line where there were some, and below a definition of several lines."""
        if fresh:
            return
        blank = self._line(start) - self._line(at) > 1
        if isinstance(item, ast.Use | ast.Definition) and not self.lines[-1].startswith("#"):
            blank = blank or self.lines[-1] == "}"
        if blank and self.lines and self.lines[-1]:
            self.lines.append("")

    def _set_off(self, above: int) -> None:
        """An empty line above a definition of several lines, but none below its comment."""
        if above and self.lines[above - 1] and not self.lines[above - 1].startswith("#"):
            self.lines.insert(above, "")

    def _one_line(self, item: _Item) -> bool:
        return self._line(item.span.start) == self._line(item.span.end)

    def _trailing(self, at: int, end: int) -> None:
        """Comments behind what ends at `at`, on its line."""
        while self.next < len(self.comments):
            comment = self.comments[self.next]
            if comment.own_line or not at <= comment.start < end:
                return
            if self._line(comment.start) != self._line(at):
                return
            if self.source.text[at : comment.start].strip(" \t,"):
                return
            self.lines[-1] += f"  {comment.text}"
            self.next += 1

    def _hoist(self, item: _Item, indent: int) -> None:
        """Comments inside `item` that no inner sequence will print stand above it."""
        inner = self._inner(item)
        kept: list[_Comment] = []
        at = self.next
        while at < len(self.comments) and self.comments[at].start < item.span.end:
            comment = self.comments[at]
            if any(low < comment.start < high for low, high in inner):
                kept.append(comment)
            else:
                self.lines.append(" " * indent + comment.text)
            at += 1
        self.comments[self.next : at] = kept

    def _inner(self, item: _Item) -> list[tuple[int, int]]:
        """The insides of the blocks and of the `attend`s of an item."""
        match item:
            case ast.Definition() | ast.For():
                return [self._last_block(item.span)]
            case ast.If():
                return [self._then_block(item), *self._else_blocks(item)]
            case ast.Use():
                return []
            case _:
                first = bisect_left(self.braces, (item.span.start,))
                last = bisect_left(self.braces, (item.span.end,))
                return self.braces[first:last]

    def _last_block(self, span: ast.Span) -> tuple[int, int]:
        close = span.end - 1
        return self.opening[close], close

    def _then_block(self, item: ast.If) -> tuple[int, int]:
        match = next(
            m
            for m in _LEXEME.finditer(self.source.text, item.condition.span.end)
            if m.group() == "{"
        )
        return match.start(), self.closing[match.start()]

    def _else_blocks(self, item: ast.If) -> list[tuple[int, int]]:
        """Blocks behind `else`, down the chain of `else if`."""
        blocks: list[tuple[int, int]] = []
        while (inner := self._else_if(item)) is not None:
            blocks.append(self._then_block(inner))
            item = inner
        if self._then_block(item)[1] != item.span.end - 1:
            blocks.append(self._last_block(item.span))
        return blocks

    def _else_if(self, item: ast.If) -> ast.If | None:
        """The `If` right behind `else`, if that is how it was written."""
        if len(item.otherwise) == 1 and isinstance(item.otherwise[0], ast.If):
            inner = item.otherwise[0]
            between = self.source.text[self._then_block(item)[1] + 1 : inner.span.start]
            if "{" not in re.sub(r"#[^\n\r]*", "", between):
                return inner
        return None

    # -- items -------------------------------------------------------------------------------------

    def _item(self, item: _Item, indent: int) -> None:
        match item:
            case ast.Definition():
                self._definition(item)
            case ast.For():
                bound = documents.expression(item.bound, self._fields)
                head = (f"for {item.variable.id} in ", bound)
                self._block(head, item.body, self._last_block(item.span), indent)
            case ast.If():
                self._if(item, indent)
            case _:
                self._emit(self._simple(item), indent)

    def _emit(self, doc: Doc, indent: int) -> None:
        text = " " * indent + lay_out(doc, WIDTH, indent)
        self.lines += [line.rstrip() for line in text.split("\n")]

    def _definition(self, d: ast.Definition) -> None:
        head = documents.head(d, self._fields)
        block = self._last_block(d.span)
        claims = documents.claims(d.claims, self._fields) if d.claims else ""
        flat: Doc = (head, " ", claims) if d.claims else head
        if _fits(lay_out((flat, " {"), 10 * WIDTH), 0):
            self._block(flat, d.body, block, 0)
            return
        self._emit(head if d.claims else (head, " {"), 0)
        if d.claims:
            self._emit(claims, STEP)
            self.lines.append("{")
        self._body(d.body, block, 0)

    def _if(self, item: ast.If, indent: int) -> None:
        one = self._if_on_one_line(item)
        if one is not None and _fits(one, indent):
            self.lines.append(" " * indent + one)
            return
        lead = "if "
        while True:
            condition = documents.expression(item.condition, self._fields)
            block = self._then_block(item)
            self._emit((lead, Nest(condition), " {"), indent)
            if lead != "if ":
                self._join_else()
            self._body(item.then, block, indent)
            inner = self._else_if(item)
            if inner is None:
                break
            item, lead = inner, "} else if "
        if block[1] != item.span.end - 1:
            self.lines[-1] += " else {"
            self._body(item.otherwise, self._last_block(item.span), indent)

    def _join_else(self) -> None:
        """`} else if` starts on the line of the `}` that was printed already."""
        at = max(i for i, line in enumerate(self.lines) if line.lstrip().startswith("} else if "))
        del self.lines[at - 1]

    def _block(
        self, head: Doc, body: Sequence[ast.Statement], block: tuple[int, int], indent: int
    ) -> None:
        inner = self._short(body, block)
        if inner is not None:
            one = f"{lay_out(head, 10 * WIDTH)} {inner}"
            if _fits(one, indent):
                self.lines.append(" " * indent + one)
                return
        self._emit((head, " {"), indent)
        self._body(body, block, indent)

    def _body(self, body: Sequence[ast.Statement], block: tuple[int, int], indent: int) -> None:
        self.sequence(body, block[0] + 1, block[1], indent + STEP)
        self.lines.append(" " * indent + "}")

    # -- what may stay on one line -----------------------------------------------------------------

    def _short(self, body: Sequence[ast.Statement], block: tuple[int, int]) -> str | None:
        """`{ statement }`, if it was written so."""
        if len(body) > 1 or self._line(block[0]) != self._line(block[1]):
            return None
        if not body:
            return "{ }"
        statement = body[0]
        if isinstance(statement, ast.For):
            inner = self._short(statement.body, self._last_block(statement.span))
            bound = lay_out(documents.expression(statement.bound, self._fields), 10 * WIDTH)
            return inner and f"{{ for {statement.variable.id} in {bound} {inner} }}"
        if isinstance(statement, ast.If):
            inner = self._if_on_one_line(statement)
            return inner and f"{{ {inner} }}"
        return f"{{ {lay_out(self._simple(statement), 10 * WIDTH)} }}"

    def _if_on_one_line(self, item: ast.If) -> str | None:
        parts: list[str] = []
        while True:
            condition = lay_out(documents.expression(item.condition, self._fields), 10 * WIDTH)
            then = self._short(item.then, self._then_block(item))
            if then is None or not self._one_line(item):
                return None
            parts.append(f"if {condition} {then}")
            inner = self._else_if(item)
            if inner is None:
                break
            item = inner
        if self._then_block(item)[1] != item.span.end - 1:
            otherwise = self._short(item.otherwise, self._last_block(item.span))
            if otherwise is None:
                return None
            parts.append(otherwise)
        return " else ".join(parts)

    # -- statements and fields as documents --------------------------------------------------------

    def _simple(self, item: _Item) -> Doc:
        match item:
            case ast.Use():
                return "use " + ".".join(n.id for n in item.path)
            case ast.Field():
                return documents.field(item, self._fields)
            case ast.Param():
                axes = documents.axes(item.axes) if item.axes else ""
                return (f"param {item.name.id}", axes, " ~ ", self._value(item.initialiser))
            case ast.State():
                axes = documents.axes(item.axes)
                start = () if item.initial is None else (" = ", self._value(item.initial))
                return (f"state {item.name.id}", axes, *start)
            case ast.Share():
                op = documents.call_head(item.op, item.brackets, self._fields)
                return (f"share {item.name.id} = ", op)
            case ast.Equation():
                names = ", ".join(f"{n.id}'" if isinstance(n, ast.Prime) else n.id
                                  for n in item.targets)  # fmt: skip
                return (f"{names} = ", self._value(item.value))
            case ast.Return():
                values = [self._value(v) for v in item.values]
                return ("return ", *(p for i, v in enumerate(values) for p in (", "[: 2 * i], v)))
            case ast.Loss():
                return ("loss ", self._value(item.value))
            case ast.Definition() | ast.For() | ast.If():
                raise AssertionError(item)

    def _value(self, e: ast.Expr) -> Doc:
        inner = documents.expression(e, self._fields)
        return Nest(inner) if isinstance(e, ast.Binary | ast.Compare | ast.Pipe) else inner

    def _fields(self, e: ast.Attend) -> Doc | None:
        """The fields on lines of their own, with their comments; None where they may stay."""
        low, high = self._last_block(e.span)
        held = self._held(low, high)
        if self._line(low) == self._line(high):
            return None
        lead, parts, at = "", list[Doc](), 0
        for field in e.fields:
            while at < len(held) and held[at].start < field.span.end:
                if not parts and not lead and self._behind(held[at], low):
                    lead = f"  {held[at].text}"
                else:
                    parts += [HARD, held[at].text]
                at += 1
            parts += [HARD, documents.field(field, self._fields)]
            if at < len(held) and self._behind(held[at], field.span.end):
                parts.append(f"  {held[at].text}")
                at += 1
        for comment in held[at:]:
            parts += [HARD, comment.text]
        return (lead, Nest(tuple(parts)), HARD)

    def _behind(self, comment: _Comment, at: int) -> bool:
        return not comment.own_line and self._line(comment.start) == self._line(at)

    def _held(self, low: int, high: int) -> list[_Comment]:
        """Comments between two braces that belong to no block further inside."""
        first = bisect_left(self.comments, low, key=lambda c: c.start)
        last = bisect_left(self.comments, high, key=lambda c: c.start)
        inner = [b for b in self.braces if low < b[0] < high]
        return [c for c in self.comments[first:last]
                if not any(a < c.start < b for a, b in inner)]  # fmt: skip


def _fits(line: str, indent: int) -> bool:
    return "\n" not in line and indent + builtins.len(line) <= WIDTH
