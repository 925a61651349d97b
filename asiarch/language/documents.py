"""Expressions and headers as documents: which spaces they have and where they may break.

Knows the tree and the one style; comments inside `attend` come from the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from asiarch.language import ast
from asiarch.language.layout import SPACE, Break, Doc, Group, Nest, bracketed, fill, join

Fields = Callable[[ast.Attend], "Doc | None"]
_LEVELS = {"or": 0, "and": 1, "+": 2, "-": 2, "*": 3, "/": 3, "%": 3, "@": 3}


def expression(e: ast.Expr, fields: Fields) -> Doc:
    """`fields` gives the fields of an `attend` on lines of their own, None where one may do."""
    match e:
        case ast.Number():
            return e.text
        case ast.Name():
            return e.id
        case ast.Prime():
            return f"{e.id}'"
        case ast.Paren():
            return bracketed("(", expression(e.inner, fields), ")")
        case ast.Unary():
            return ("not " if e.op == "not" else e.op, expression(e.operand, fields))
        case ast.Binary():
            return _binary(e, fields)
        case ast.Compare():
            return _compare(e, fields)
        case ast.Call():
            return _call(e, fields)
        case ast.Pipe():
            return _pipe(e, fields)
        case ast.Index():
            return (expression(e.base, fields), _brackets(e.brackets, fields, index=True))
        case ast.Attend():
            return _attend(e, fields)
        case ast.Bad():
            raise ValueError("a program with errors has no layout")


def _binary(e: ast.Binary, fields: Fields) -> Doc:
    """A chain of one level as one group, its left spine walked without recursion."""
    if e.op == "^":
        return (expression(e.left, fields), " ^ ", expression(e.right, fields))
    level = _LEVELS[e.op]
    tail: list[Doc] = []
    first: ast.Expr = e
    while isinstance(first, ast.Binary) and _LEVELS.get(first.op) == level:
        tail += [expression(first.right, fields), f"{first.op} ", SPACE]
        first = first.left
    return Group((expression(first, fields), *reversed(tail)))


def _compare(e: ast.Compare, fields: Fields) -> Doc:
    parts: list[Doc] = [expression(e.operands[0], fields)]
    for op, operand in zip(e.ops, e.operands[1:], strict=True):
        parts += [SPACE, f"{op} ", expression(operand, fields)]
    return Group(tuple(parts))


def _pipe(e: ast.Pipe, fields: Fields) -> Doc:
    stages: list[Doc] = []
    first: ast.Expr = e
    while isinstance(first, ast.Pipe):
        brackets = _brackets(first.brackets, fields) if first.brackets is not None else ""
        arguments = _arguments(first.arguments, fields) if first.arguments else ""
        stages += [(f"|> {first.name.id}", brackets, arguments), SPACE]
        first = first.value
    return Group((expression(first, fields), *reversed(stages)))


def _call(e: ast.Call, fields: Fields) -> Doc:
    return (call_head(e.name, e.brackets, fields), _arguments(e.arguments, fields))


def call_head(name: ast.Name, brackets: ast.Brackets | None, fields: Fields) -> Doc:
    return (name.id, "" if brackets is None else _brackets(brackets, fields))


def _arguments(arguments: Sequence[ast.Argument], fields: Fields) -> Doc:
    if not arguments:
        return "()"
    return bracketed("(", join((",", SPACE), (_entry(a, fields) for a in arguments)), ")")


def _entry(e: ast.Argument | ast.Slot, fields: Fields) -> Doc:
    if isinstance(e.value, ast.Spread):
        return f"{e.value.id}..."
    value = expression(e.value, fields)
    return value if e.name is None else (f"{e.name} = ", value)


def _brackets(e: ast.Brackets, fields: Fields, index: bool = False) -> Doc:
    if index and len(e.slots) == 1 and e.arrow is None and not e.each:
        tight = _offset(e.slots[0])
        if tight is not None:
            return f"[{tight}]"
    inner: Doc = join((",", SPACE), (_entry(s, fields) for s in e.slots))
    if e.arrow is not None:
        arrow = join((",", SPACE), (_entry(s, fields) for s in e.arrow))
        inner = (inner, " -> " if e.slots and e.arrow else " ->" if e.slots else "-> ", arrow)
    if e.each:
        lead: Doc = (",", SPACE) if e.slots or e.arrow is not None else ""
        inner = (inner, lead, "each ", join((",", SPACE), (axis(a) for a in e.each)))
    return bracketed("[", inner, "]")


def _offset(slot: ast.Slot) -> str | None:
    """`t-1`: an offset in time is written without spaces."""
    e = slot.value
    if slot.name is not None or not isinstance(e, ast.Binary) or e.op not in "+-":
        return None
    if not isinstance(e.left, ast.Name) or e.left.id != "t":
        return None
    match e.right:
        case ast.Number():
            return f"t{e.op}{e.right.text}"
        case ast.Name():
            return f"t{e.op}{e.right.id}"
        case _:
            return None


def _attend(e: ast.Attend, fields: Fields) -> Doc:
    head = (f"attend {e.variable.id} where ", expression(e.condition, fields))
    broken = fields(e)
    if broken is not None:
        return (head, " {", broken, "}")
    inner = join(Break("  "), (field(f, fields) for f in e.fields))
    return (head, " ", Group(("{", Nest((SPACE, inner)), SPACE, "}")))


def field(f: ast.Field, fields: Fields) -> Doc:
    value = expression(f.value, fields)
    chain = isinstance(f.value, ast.Binary | ast.Compare | ast.Pipe)
    return (f"{f.name.id}: ", Nest(value) if chain else value)


# -- what stands outside of expressions ------------------------------------------------------------


def axis(a: ast.Name | ast.Spread) -> str:
    return f"{a.id}..." if isinstance(a, ast.Spread) else a.id


def axes(entries: Sequence[ast.Name | ast.Spread] | None) -> Doc:
    if entries is None:
        return ""
    return bracketed("[", fill(axis(a) for a in entries), "]") if entries else "[]"


def head(d: ast.Definition, fields: Fields) -> Doc:
    """`op name[header](formals) -> results`, without claims."""
    parts: list[Doc] = [f"{d.kind} {d.name.id}"]
    if d.header:
        parts.append(bracketed("[", fill(_header_axis(h, fields) for h in d.header), "]"))
    if d.kind == "op":
        parts.append(
            bracketed("(", fill(_formal(f) for f in d.formals), ")") if d.formals else "()"
        )
    if d.results:
        parts += [" -> ", ", ".join(_result(r) for r in d.results)]
    return tuple(parts)


def claims(entries: Sequence[ast.Claim], fields: Fields) -> Doc:
    return ("where ", Nest(fill(_claim(c, fields) for c in entries)))


def _header_axis(h: ast.HeaderAxis, fields: Fields) -> Doc:
    if h.spread or h.each:
        return f"{'each ' if h.each else ''}{h.name.id}..."
    return h.name.id if h.default is None else (f"{h.name.id} = ", expression(h.default, fields))


def _formal(f: ast.Formal) -> Doc:
    return f.name.id if f.type is None else (f"{f.name.id}: ", _type(f.type))


def _type(e: ast.TypeExpr) -> Doc:
    return (e.name.id, axes(e.axes))


def _result(e: ast.TypeExpr) -> str:
    """A result's type, never broken: the formals before it break instead."""
    if e.axes is None:
        return e.name.id
    return f"{e.name.id}[{', '.join(axis(a) for a in e.axes)}]"


def _claim(c: ast.Claim, fields: Fields) -> Doc:
    value = expression(c.value, fields)
    if c.interval is None:
        return value
    i = c.interval
    low, high = expression(i.low, fields), expression(i.high, fields)
    opening, closing = "(" if i.left_open else "[", ")" if i.right_open else "]"
    return (value, " in ", opening, low, ", ", high, closing)
