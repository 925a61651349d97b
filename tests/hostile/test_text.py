"""Hostile text gets a diagnostic: no exception, no deep recursion, no unbounded allocation.

The limits are stated in `asiarch.language.limits`. Mutations are seeded; a failure prints its text.
"""

from __future__ import annotations

import random
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest

from asiarch.language import limits
from asiarch.language.diagnostics import as_json, render
from asiarch.language.formatter import format
from asiarch.language.parser import ParseResult, parse

EXAMPLES = sorted((Path(str(resources.files("asiarch.grammar"))) / "examples").glob("*.asi"))
BODY = "op f[D](x: Seq[D]) -> Seq[D] {{\n  y = {}\n  return y\n}}\n"


def filled(unit: str, size: int = limits.SOURCE_BYTES - 200) -> str:
    return unit * (size // len(unit.encode()))


# Name: the text and the code that it must get; None where it is right.
NASTY: dict[str, tuple[str, str | None]] = {
    "too large": ("#" * (limits.SOURCE_BYTES + 1), "E0010"),
    "large in bytes": ("# " + "é" * (limits.SOURCE_BYTES // 2), "E0010"),
    "just fits": ("#" * limits.SOURCE_BYTES, None),
    "round brackets": (BODY.format(filled("(")), "E0011"),
    "closing brackets": (filled(")"), "E0005"),
    "mixed brackets": (filled("([{"), "E0011"),
    "blocks": (BODY.format("x\n" + filled("if 1 == 1 { ")), "E0011"),
    "nesting at the limit": (BODY.format("(" * 63 + "x" + ")" * 63), None),
    "minus": (BODY.format(filled("-") + "x"), "E0011"),
    "not": (BODY.format(filled("not ") + "x"), "E0011"),
    "powers": (BODY.format(filled("2 ^ ") + "x"), "E0011"),
    "sum": (BODY.format(filled("x + ") + "x"), "E0011"),
    "pipes": (BODY.format("x" + filled(" |> f")), "E0011"),
    "picks": (BODY.format("x" + filled("[t]")), "E0011"),
    "else if": (BODY.format("x\n" + filled("if 1 == 1 { z = x } else ") + " { }"), "E0011"),
    "depth at the limit": (BODY.format("-" * (limits.DEPTH - 1) + "x"), None),
    "comparisons": (BODY.format(filled("x < ") + "x"), None),
    "arguments": (BODY.format("f(" + filled("x,") + ")"), None),
    "targets": ("op f(x) -> x {\n" + filled("a, ") + "a = f(x)\n}", None),
    "statements": ("op f(x) -> x {" + filled("\nx=x") + "}", None),
    "definitions": (filled("op f()->x{}\n"), None),
    "equals": (filled("= "), "E0005"),
    "names": (filled("x "), "E0005"),
    "lines": (filled("x\n"), "E0005"),
    "broken definitions": (filled("op f(x) x { y = }\n"), "E0001"),
    "broken statements": ("op f(x) -> x {" + filled("\ny = = 1"), "E0001"),
    "unclosed": (BODY.format("f[" + filled("x,")), "E0003"),
    "long name": (BODY.format(filled("n")), "E0013"),
    "long number": (BODY.format(filled("9")), "E0014"),
    "long fraction": (BODY.format("0." + filled("9")), "E0014"),
    "long exponent": (BODY.format("1e" + filled("9")), "E0014"),
    "huge exponent": (BODY.format("1e999"), "E0014"),
    "long malformed number": (BODY.format(filled("1_")), "E0015"),
    "zeros": (filled("\0"), "E0012"),
    "marks": (filled("\ufeff"), "E0012"),
    "surrogates": (BODY.format("x \ud800"), "E0012"),
    "letters of the world": (filled("ψ"), "E0012"),
    "escapes": (filled("\x1b2J "), "E0012"),
    "quotes": (filled('"x'), "E0017"),
    "one quote": ('"' + filled("x"), "E0017"),
    "carriage returns": (filled("\r"), None),
    "symbols": (filled("&|!?$"), "E0002"),
}


def said(text: str) -> set[str]:
    """The codes of a text; whatever is said can be shown, and lies inside the text."""
    result = parse(text)
    check_result(text, result)
    return {d.code for d in result.diagnostics}


def check_result(text: str, result: ParseResult) -> None:
    assert len(result.diagnostics) <= limits.MOST
    for diagnostic in result.diagnostics:
        spans = [diagnostic.span, *(label.span for label in diagnostic.secondary)]
        spans += [diagnostic.fix.span] if diagnostic.fix is not None else []
        assert all(0 <= s.start <= s.end <= len(text) for s in spans)
        assert render(diagnostic, result.source).count("\n") < 12
        as_json(diagnostic, result.source)


@pytest.mark.parametrize("name", NASTY)
def test_nasty(name: str) -> None:
    text, code = NASTY[name]
    codes = said(text)
    assert codes == set() if code is None else code in codes


# 256 MiB of address space for an interpreter and every nasty text.
LIMITED = """
import pickle, resource, sys
resource.setrlimit(resource.RLIMIT_AS, (256 << 20, 256 << 20))
from asiarch.language.parser import parse
for text in pickle.load(sys.stdin.buffer):
    assert len(parse(text).diagnostics) <= 25
print("done")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="address space is limited on Linux only")
def test_memory_is_bounded() -> None:
    import pickle

    texts = pickle.dumps([text for text, _ in NASTY.values()])
    done = subprocess.run([sys.executable, "-c", LIMITED], input=texts, capture_output=True)
    assert done.stdout == b"done\n", done.stderr.decode()


@pytest.mark.skipif(sys.platform != "linux", reason="address space is limited on Linux only")
def test_the_bound_on_memory_can_fail() -> None:
    greedy = LIMITED.replace("assert len", "kept = [0] * (1 << 26); assert len")
    done = subprocess.run([sys.executable, "-c", greedy], input=b"\x80\x04]\x8c\x00a.",
                          capture_output=True)  # fmt: skip
    assert b"MemoryError" in done.stderr


# -- mutations -------------------------------------------------------------------------------------

SCRAPS = [
    *"()[]{}=,:~.+-*/%@^<>!|&;#'\"\\ \n\t\r\0\ufeffαé×→", "op ", "model ", "use ", "each ", "...",
    "attend j where j <= t { ", "param ", "state ", "if ", "else ", "for n in N { ", "return ",
    "where ", "in ", "->", "|>", "1e999", "123456789012345678901", "loss ", "not ", "S'", "def ",
]  # fmt: skip


def mutated(rng: random.Random, text: str) -> str:
    """The text with a few cuts, scraps, repeats, pieces moved, or bytes changed."""
    for _ in range(rng.choice([1, 1, 1, 2, 3, 8])):
        start = rng.randrange(len(text) + 1)
        stop = min(len(text), start + rng.choice([1, 1, 2, 5, 20, 200]))
        head, middle, tail = text[:start], text[start:stop], text[stop:]
        match rng.randrange(6):
            case 0:
                text = head + tail
            case 1:
                text = head + rng.choice(SCRAPS) + middle + tail
            case 2:
                text = head + rng.choice(SCRAPS) + tail
            case 3:
                text = head + middle * rng.choice([2, 3, 30]) + tail
            case 4:
                text = tail + middle + head
            case _:
                data = bytearray(text.encode("utf-8", "surrogatepass")) or bytearray(b" ")
                data[rng.randrange(len(data))] = rng.randrange(256)
                text = data.decode("utf-8", "replace")
    return text


@pytest.mark.parametrize("seed", range(10))
def test_mutations(seed: int) -> None:
    rng = random.Random(seed)
    texts = [f.read_text() for f in EXAMPLES]
    right = 0
    for _ in range(120):
        text = mutated(rng, rng.choice(texts))
        try:
            codes = said(text)
            if not codes:
                right += 1
                out = format(text)
                assert format(out) == out
        except BaseException:
            print(repr(text))
            raise
    assert 0 < right < 120


def test_random_bytes() -> None:
    rng = random.Random(7)
    for _ in range(150):
        said(rng.randbytes(rng.randrange(400)).decode("latin-1"))


def test_random_scraps() -> None:
    rng = random.Random(8)
    for _ in range(150):
        said("".join(rng.choice([*SCRAPS, "x ", "3 "]) for _ in range(rng.randrange(200))))
