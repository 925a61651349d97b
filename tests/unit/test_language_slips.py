"""Wrong texts: each slip has its code, its fix mends it, and it hides nothing else."""

from __future__ import annotations

import pytest

from asiarch.language import ast
from asiarch.language.diagnostics import apply_fixes
from asiarch.language.parser import ParseResult, parse

AROUND = """op f[D](x: Seq[D], k: Seq[D]) -> Seq[D] where causal {
  a = silu(x)
  %s
  b = a * 2
  return b
}
op g[D](x: Seq[D]) -> Seq[D] { return x }
"""


def wrong(statement: str) -> ParseResult:
    return parse(AROUND % statement)


def fixed(statement: str) -> str:
    text = AROUND % statement
    mended = apply_fixes(text, [d.fix for d in parse(text).diagnostics if d.fix is not None])
    assert not parse(mended).diagnostics
    head, tail = (AROUND % "\0").split("\0")
    assert mended.startswith(head)
    assert mended.endswith(tail)
    return mended[len(head) : len(mended) - len(tail)]


@pytest.mark.parametrize(("statement", "code", "mended"), [
    ("y = a ** 2", "E0002", "y = a ^ 2"),
    ("y := a", "E0002", "y = a"),
    ("y = select(a > 0 && x < 1, a, x)", "E0002", "y = select(a > 0 and x < 1, a, x)"),
    ("y = select(!a, a, x)", "E0002", "y = select(not a, a, x)"),
    ("// y is gone", "E0002", "# y is gone"),
    ("y = linear[D](f(x)", "E0003", "y = linear[D](f(x))"),
    ("y = attend j where j < t { score: x[t]", "E0003", "y = attend j where j < t { score: x[t]}"),
    ("y = x\n    [t-1]", "E0004", "y = x[t-1]"),
    ("y = silu(x))", "E0006", "y = silu(x)"),
    ("y = linear[D)(x)", "E0006", "y = linear[D](x)"),
    ("y == a", "E0008", "y = a"),
    ("if a = 3 { y = x }", "E0008", "if a == 3 { y = x }"),
    ("param p[D] = const(1)", "E0008", "param p[D] ~ const(1)"),
    ("y ~ a", "E0008", "y = a"),
    ("let y = x", "E0009", "y = x"),
    ("y = α", "E0012", "y = alpha"),
    ("y = a − 1", "E0012", "y = a - 1"),
    ("y = a ≤ 1", "E0012", "y = a <= 1"),
    ("y = x²", "E0012", "y = x^ 2"),
    ("y = x\u00a0* 2", "E0012", "y = x * 2"),
    ("y = .5", "E0015", "y = 0.5"),
    ("y = 5.", "E0015", "y = 5.0"),
    ("y = 1_000", "E0015", "y = 1000"),
    ("y = 2a", "E0015", "y = 2 * a"),
    ("y = mean[\"time\"](x)", "E0017", "y = mean[time](x)"),
    ("param p[D] const(1)", "E0001", "param p[D] ~ const(1)"),
    ("if D == 1 y = x }", "E0001", "if D == 1 { y = x }"),
    ("y = attend j where j < t { score x[t]  value: x[j] }", "E0001",
     "y = attend j where j < t { score: x[t]  value: x[j] }"),
])  # fmt: skip
def test_a_fix_mends_the_slip(statement: str, code: str, mended: str) -> None:
    assert [d.code for d in wrong(statement).diagnostics] == [code]
    assert fixed(statement) == mended


@pytest.mark.parametrize(("statement", "code"), [
    ("y = x k", "E0007"), ("y = f(x k)", "E0007"), ("y = 3 (x)", "E0007"), ("y = (x) 3", "E0007"),
    ("y = a +", "E0001"), ("y =", "E0001"), ("return", "E0001"), ("y = x |>", "E0001"),
    ("y = not", "E0001"), ("y = {a}", "E0001"), ("y = [a, x]", "E0001"), ("y = (a, x)", "E0001"),
    ("3 = x", "E0001"), ("y, = x", "E0001"), ("y = a.sum()", "E0001"), ("y = x[]]", "E0006"),
    ("y = x[t-1][K](a)", "E0001"), ("y = attend j { score: x[t] }", "E0001"),
    ("y = lambda q: q", "E0009"), ("while x { y = 3 }", "E0009"), ("elif x { y = 3 }", "E0009"),
    ("y = a if x else k", "E0009"), ("y += a", "E0002"), ("y = a; z = x", "E0002"),
    ("y = x ? a : k", "E0002"), ("y = x // 2", "E0002"), ("y = x[1..2]", "E0002"),
    ("state = 3", "E0016"), ("loss, y = x", "E0016"), ("y = 0x1F", "E0015"),
    ("y = 12345678901234567890", "E0014"), ("y = 1e999", "E0014"), ("y = x $ 3", "E0002"),
    ("y = " + "n" * 129, "E0013"), ("y = x \0 + 1", "E0012"), ("y = x € 1", "E0012"),
])  # fmt: skip
def test_a_slip_has_its_code_and_is_alone(statement: str, code: str) -> None:
    result = wrong(statement)
    assert [d.code for d in result.diagnostics] == [code]
    lines = statement.count("\n") + 1
    assert 3 <= result.source.position(result.diagnostics[0].span.start).line < 3 + lines
    assert [d.name.id for d in result.program.definitions] == ["f", "g"]


def test_a_broken_statement_still_binds_its_names() -> None:
    for statement, names in [("y, z = f(x k)", ["y", "z"]), ("y = {a}", ["y"]),
                             ("param p[D] ~ ]", ["p"]), ("state s[D] = {", ["s"])]:  # fmt: skip
        body = wrong(statement).program.definitions[0].body
        bad = [e for e in body if isinstance(e, ast.Equation) and isinstance(e.value, ast.Bad)]
        assert [t.id for e in bad for t in e.targets] == names
        assert [t.id for t in body[0].targets if isinstance(body[0], ast.Equation)] == ["a"]


def test_a_broken_return_is_still_a_return() -> None:
    body = parse("op f(x) -> x {\n  return x x\n}").program.definitions[0].body
    assert isinstance(body[0], ast.Return)
    assert isinstance(body[0].values[0], ast.Bad)


def test_a_sure_repair_keeps_the_value() -> None:
    body = wrong("y = a ** 2").program.definitions[0].body
    assert isinstance(body[1], ast.Equation)
    assert isinstance(body[1].value, ast.Binary)


def test_every_independent_error_in_one_run() -> None:
    text = """op one[D](x: Seq[D]) -> Seq[D] {
  y = x x
  for n in N {
    z = n +
    if n == {
      w = = 3
    }
  }
  return f(y
}
op two[D(x: Seq[D]) -> Seq[D] {
  y = x **
  return y y
}
stray
op three[D](x: Seq[D]) -> Seq[D] { return x }
model four[D] { return x) }
"""
    result = parse(text)
    lines = [result.source.position(d.span.start).line for d in result.diagnostics]
    assert lines == [2, 4, 5, 6, 9, 11, 12, 12, 13, 15, 17]
    assert {d.name.id for d in result.program.definitions} >= {"one", "three", "four"}


def test_a_broken_head_costs_its_definition_and_is_named() -> None:
    result = parse("op f[D(x: Seq[D]) -> Seq[D] {\n  y = x x\n}\nop g(x) -> x { return x }")
    assert [d.code for d in result.diagnostics] == ["E0003", "E0007"]
    assert [d.name.id for d in result.program.definitions] == ["g"]
    assert result.broken == {"f"}


@pytest.mark.parametrize("end", ["", "op g(x) -> x { return x }\n", "model m { }\n", "use a.b\n"])
def test_a_missing_brace_ends_at_the_next_definition(end: str) -> None:
    result = parse("op f(x) -> x {\n  y = x\n  return y\n" + end)
    assert [d.code for d in result.diagnostics] == ["E0003"]
    assert result.diagnostics[0].span.start == 13
    assert result.program.definitions[0].name.id == "f"
    assert len(result.program.items) == (2 if end else 1)


@pytest.mark.parametrize(("head", "code", "mended"), [
    ("op f[D](x: Seq[D]) Seq[D] {", "E0001", "op f[D](x: Seq[D]) -> Seq[D] {"),
    ("op f[D](x: Seq[D]): Seq[D] {", "E0001", "op f[D](x: Seq[D]) -> Seq[D] {"),
    ("op f[D](x: Seq[D]) -> Seq[D]:", "E0001", "op f[D](x: Seq[D]) -> Seq[D] {"),
    ("op f[D](x: Seq[D]) -> Seq[D]", "E0001", "op f[D](x: Seq[D]) -> Seq[D] {"),
    ("op f[D](x: Seq[D]) -> x causal {", "E0001", "op f[D](x: Seq[D]) -> x where causal {"),
    ("op f[D](x: Seq[D]) -> Seq[D] Seq[D] {", "E0001", "op f[D](x: Seq[D]) -> Seq[D], Seq[D] {"),
    ("op f[D](x: Seq[D] -> Seq[D] {", "E0003", "op f[D](x: Seq[D]) -> Seq[D] {"),
    ("op f[D](x: Seq[D)) -> Seq[D] {", "E0006", "op f[D](x: Seq[D]) -> Seq[D] {"),
    ("op f[D x: Seq[D]) -> Seq[D] {", "E0001", None),
    ("op f[D](x; Seq[D]) => Seq[D] {", "E0002", None),
    ("op [D](x: Seq[D]) -> Seq[D] {", "E0001", None),
])  # fmt: skip
def test_heads(head: str, code: str, mended: str | None) -> None:
    text = f"{head}\n  y = x\n  return y\n}}\nop g(x) -> x {{ return x }}\n"
    found = parse(text)
    assert code in {d.code for d in found.diagnostics}
    assert len(found.diagnostics) <= 2
    assert {found.source.position(d.span.start).line for d in found.diagnostics} <= {1, 2}
    assert found.program.definitions[-1].name.id == "g"
    if mended is not None:
        out = apply_fixes(text, [d.fix for d in found.diagnostics if d.fix is not None])
        assert " ".join(out.splitlines()[0].split()) == mended
        assert not parse(out).diagnostics


def test_python_is_answered_in_its_own_words() -> None:
    result = parse("def f(x):\n    return x * 2\n")
    assert "E0009" in [d.code for d in result.diagnostics]
    result = parse("import torch\n")
    assert result.diagnostics[0].help == "`use file.name` takes a definition from another file"


def test_expected_words() -> None:
    labels = {d.label for d in wrong("y = attend j { score: x[t] }").diagnostics}
    assert labels == {"expected `where`"}
    assert parse("op f(x) -> { }").diagnostics[0].label == "expected a name"


def test_at_most_so_many() -> None:
    result = parse("op f(x) -> x {\n" + "  y = x x\n" * 200 + "}")
    assert len(result.diagnostics) == 25
