"""The tree of right programs: precedence, brackets, claims, spreads, places."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from asiarch.language import ast
from asiarch.language.parser import parse

EXAMPLES = sorted((Path(str(resources.files("asiarch.grammar"))) / "examples").glob("*.asi"))
PRELUDE = Path(str(resources.files("asiarch.library"))) / "prelude.asi"


def definition(text: str) -> ast.Definition:
    result = parse(text)
    assert not result.diagnostics
    return result.program.definitions[0]


def value(text: str) -> ast.Expr:
    statement = definition(f"op f(x) -> x {{\n y = {text}\n}}").body[0]
    assert isinstance(statement, ast.Equation)
    return statement.value


def grouped(e: Any) -> str:
    """The expression with a bracket for every node, to see how it was read."""
    match e:
        case ast.Number():
            return e.text
        case ast.Name():
            return e.id
        case ast.Prime():
            return f"{e.id}'"
        case ast.Paren():
            return f"<{grouped(e.inner)}>"
        case ast.Unary():
            return f"({e.op} {grouped(e.operand)})"
        case ast.Binary():
            return f"({grouped(e.left)} {e.op} {grouped(e.right)})"
        case ast.Compare():
            rest = zip(e.ops, e.operands[1:], strict=True)
            inner = " ".join(f"{op} {grouped(o)}" for op, o in rest)
            return f"({grouped(e.operands[0])} {inner})"
        case ast.Pipe():
            return f"({grouped(e.value)} |> {e.name.id})"
        case ast.Call():
            return f"{e.name.id}({', '.join(grouped(a.value) for a in e.arguments)})"
        case ast.Index():
            return f"{grouped(e.base)}[{', '.join(grouped(s.value) for s in e.brackets.slots)}]"
        case _:
            raise AssertionError(e)


@pytest.mark.parametrize(("text", "read"), [
    ("a + b - c * d / e", "((a + b) - ((c * d) / e))"),
    ("a @ b * c % d", "(((a @ b) * c) % d)"),
    ("-a ^ b ^ -c", "(- (a ^ (b ^ (- c))))"),
    ("- - a", "(- (- a))"),
    ("a - -b", "(a - (- b))"),
    ("not a < b <= c and d or e", "(((not (a < b <= c)) and d) or e)"),
    ("a or b |> f", "((a or b) |> f)"),
    ("a |> f |> g", "((a |> f) |> g)"),
    ("(a + b) * c", "(<(a + b)> * c)"),
    ("S[t-1][K = 0]", "S[(t - 1)][0]"),
    ("f(x)[t-1]", "f(x)[(t - 1)]"),
    ("(a)[t-1] * S'", "(<a>[(t - 1)] * S')"),
    ("f[a](b)", "f(b)"),
    ("f(a, n = b,)", "f(a, b)"),
])  # fmt: skip
def test_how_expressions_are_read(text: str, read: str) -> None:
    assert grouped(value(text)) == read


def test_numbers() -> None:
    numbers = [value(t) for t in ("3", "0.5", "1e-6", "2E3")]
    assert [n.value for n in numbers if isinstance(n, ast.Number)] == [3, 0.5, 1e-6, 2000.0]
    assert isinstance(numbers[0], ast.Number)
    assert isinstance(numbers[0].value, int)


@pytest.mark.parametrize(("text", "slots", "arrow", "each"), [
    ("f[](x)", 0, None, 0),
    ("f[H, K](x)", 2, None, 0),
    ("f[H, K -> D](x)", 2, 1, 0),
    ("f[H ->](x)", 1, 0, 0),
    ("f[-> D](x)", 0, 1, 0),
    ("f[K -> J, each H, G](x)", 1, 1, 2),
    ("f[V, each H](x)", 1, None, 1),
    ("f[each H](x)", 0, None, 1),
    ("f[C..., W = 3](x)", 2, None, 0),
    ("f[H, K,](x)", 2, None, 0),
])  # fmt: skip
def test_brackets(text: str, slots: int, arrow: int | None, each: int) -> None:
    call = value(text)
    assert isinstance(call, ast.Call)
    assert call.brackets is not None
    assert len(call.brackets.slots) == slots
    assert (None if call.brackets.arrow is None else len(call.brackets.arrow)) == arrow
    assert len(call.brackets.each) == each


@pytest.mark.parametrize("between", ["  ", ", ", "\n", ",\n"])
def test_fields_of_attend_in_any_separation(between: str) -> None:
    attend = value(f"attend j where j <= t {{ score: q[t] @ k[j]{between}value: v[j]{between}}}")
    assert isinstance(attend, ast.Attend)
    assert [f.name.id for f in attend.fields] == ["score", "value"]


@pytest.mark.parametrize(("text", "opens"), [
    ("(0, 1)", (True, True)), ("(0, 1]", (True, False)), ("[0, 1)", (False, True)),
    ("[0, 1]", (False, False)),
])  # fmt: skip
def test_claims_and_intervals(text: str, opens: tuple[bool, bool]) -> None:
    claims = definition(f"op f(x) -> x where causal, a in {text}, state <= O(H), {{ }}").claims
    assert [c.interval is None for c in claims] == [True, False, True]
    interval = claims[1].interval
    assert interval is not None
    assert (interval.left_open, interval.right_open) == opens


def test_keywords_are_names_where_no_statement_begins() -> None:
    made = definition("op f(state) -> state where state <= O(T), loss {\n y = state + loss\n}")
    assert isinstance(made.claims[0].value, ast.Compare)
    assert isinstance(made.body[0], ast.Equation)


def test_what_only_the_library_writes() -> None:
    made = definition("op n[C..., each E..., K = 2,](x, y: Seq[A..., C]) -> x, Token { }")
    assert [(h.name.id, h.spread, h.each) for h in made.header] == [
        ("C", True, False), ("E", False, True), ("K", False, False)]  # fmt: skip
    assert [f.type is None for f in made.formals] == [True, False]
    assert [(r.name.id, r.axes) for r in made.results] == [("x", None), ("Token", None)]
    body = definition("op n(x) -> x {\n param w[E..., C] ~ const(1)\n state s[C...] = w\n}").body
    assert [type(s).__name__ for s in body] == ["Param", "State"]


def test_statements() -> None:
    body = definition(
        "op f(x) -> x {\n state s = 0\n share g = linear[H, V]\n a, b = f(x)\n loss a\n"
        " for n in N { a = n }\n if n == 1 { a = b } else if n > 2 { } else { b = a }\n"
        " return a, b\n}"
    ).body
    kinds = [type(s).__name__ for s in body]
    assert kinds == ["State", "Share", "Equation", "Loss", "For", "If", "Return"]
    branch = body[5]
    assert isinstance(branch, ast.If)
    assert isinstance(branch.otherwise[0], ast.If)
    assert len(branch.otherwise[0].otherwise) == 1


def test_a_file_of_nothing() -> None:
    for text in ("", "\n", "# only this", "\ufeff", "\ufeff# and a mark\r\n"):
        assert parse(text).program.items == ()
        assert not parse(text).diagnostics


def test_line_ends_and_tabs_are_space() -> None:
    text = "# head\nop f(x) -> x {\n\ty = x[t-1] # here\n\treturn y\n}\n"
    plain = parse(text).program
    for end in ("\r\n", "\r"):
        other = parse(text.replace("\n", end))
        assert not other.diagnostics
        assert shape(other.program) == shape(plain)
        assert [c.text for c in other.comments] == ["# head", "# here"]


def shape(node: Any) -> Any:
    """A tree without its places."""
    if isinstance(node, tuple):
        return tuple(shape(n) for n in node)
    if dataclasses.is_dataclass(node):
        fields = [f.name for f in dataclasses.fields(node) if not f.name.endswith("span")]
        return (type(node).__name__, *(shape(getattr(node, name)) for name in fields))
    return node


def inside(node: Any) -> Iterator[Any]:
    for part in dataclasses.fields(node):
        found = getattr(node, part.name)
        for child in found if isinstance(found, tuple) else (found,):
            if dataclasses.is_dataclass(child) and not isinstance(child, ast.Span):
                yield child


@pytest.mark.parametrize("file", [*EXAMPLES, PRELUDE], ids=lambda f: f.stem)
def test_places_lie_within_and_names_at_theirs(file: Path) -> None:
    text = file.read_text()
    stack: list[Any] = [parse(text).program]
    while stack:
        node = stack.pop()
        for child in inside(node):
            assert node.span.start <= child.span.start < child.span.end <= node.span.end
            stack.append(child)
        if isinstance(node, ast.Name):
            assert text[node.span.start : node.span.end] == node.id
        if isinstance(node, ast.Binary):
            assert text[node.op_span.start : node.op_span.end] == node.op
