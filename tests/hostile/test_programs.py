"""Hostile programs: right or nearly so as text, made to blow up what stands behind the parser.

Each is checked within a budget of processor time (not of wall-clock time), without an exception; a
verdict or a diagnostic comes out. The budget is ten times what is promised, for slow machines.
"""

from __future__ import annotations

import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from types import FrameType

import pytest

import asiarch
from asiarch.analysis import parts, witness
from asiarch.elaborate.program import MOST
from asiarch.ir import offsets, size
from asiarch.language.diagnostics import as_json, render

EXAMPLES = sorted((Path(str(resources.files("asiarch.grammar"))) / "examples").glob("*.asi"))
BUDGET = 10.0  # seconds of processor time
HEAD = "op f[D](x: Seq[D]) -> Seq[D]"
FIRST = HEAD.replace("f[", "f0[")


class TooSlow(BaseException):
    """Not an Exception, so that nothing swallows it."""


@contextmanager
def processor_time(seconds: float) -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGVTALRM, stop)
    # again and again: what is raised while an object dies is swallowed, and told to nobody
    hook, sys.unraisablehook = sys.unraisablehook, lambda _: None
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds, 0.2)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
        sys.unraisablehook = hook


def body(*lines: str, head: str = HEAD, result: str = "x") -> str:
    return "\n".join([f"{head} {{", *lines, f"return {result}", "}", ""])


def twice(first: str, count: int) -> str:
    """Definitions that each call the one before twice: 2^count calls when written out."""
    again = [f"{HEAD.replace('f[', f'f{i}[')} {{ return f{i - 1}(f{i - 1}(x)) }}"
             for i in range(1, count)]  # fmt: skip
    return "\n".join([first, *again, ""])


def header(names: list[str]) -> str:
    return f"op f[D, {', '.join(names)}](x: Seq[D]) -> Seq[D] {{ return x }}\n"


def attend(condition: str) -> str:
    return body(head=f"{HEAD} where causal",
                result=f"attend j where {condition} {{ score: 1  value: x[j] }}")  # fmt: skip


SUM = "(A + B + C + D + E + F)"
GATES = [f"a{i} = sigmoid({i + 1} * x)" for i in range(60)]
FACTORS = " * ".join(f"(a{i} + a{i + 1})" for i in range(59))

# Name: the program, and the code that it must get; None where it is right.
PROGRAMS: dict[str, tuple[str, str | None]] = {
    "squares": (body(*["x = x * x"] * 3000), None),
    "doubles": (body(*["x = x + x"] * 3000), None),
    "powers of a state": (body("state S[D]", "S = S[t-1] + x", *["S = S * S"] * 50), "W0102"),
    "a growing normal form": (body(*GATES, "state S[D]", f"S = {FACTORS} * S[t-1] + x",
                                   result="S"), None),
    "a growing write": (body(*GATES, "state S[D]", f"S = S[t-1] + {FACTORS}", result="S"), None),
    "calls twice": (twice(f"{FIRST} {{ return silu(linear[D](x)) }}", 60), None),
    "calls twice with a state": (
        twice(body("state S[D]", "S = 0.9 * S[t-1] + x", head=FIRST, result="S"), 60),
        None),
    "calls twice of any type": (
        "op f0(x) -> x { return x * sigmoid(x) }\n"
        + "".join(f"op f{i}(x) -> x {{ return f{i - 1}(f{i - 1}(x)) }}\n" for i in range(1, 60))
        + body(result="f59(x)"), None),
    "a million layers": (
        "model m[D = 16, L = 1000000, vocab = 32] {\nx = embed[D](tokens)\nfor layer in L {\n"
        "if layer % 7 == 3 { x = x + silu(x) } else { x = x + linear[D](x) }\n}\n"
        "return unembed[vocab](x)\n}\n", None),
    "a billion iterations": (body("for n in 1000000000 { x = x + n }"), None),
    "states of a million iterations": (
        body("for n in 1000000 {", "state S[D]", "S = 0.9 * S[t-1] + x", "x = S", "}"), None),
    "a leak below a million layers": (
        body("for n in 1000000 { x = x + mean[time](x) }", head=f"{HEAD} where causal"), "E0301"),
    "loops in loops": (
        body("".join(f"for n{i} in 1000000000 {{ " for i in range(40)), "x = silu(x)", "}" * 40),
        "E0502"),
    "branches": (body(*[f"if D % {i + 2} == 1 {{ x = x + {i} }} else {{ x = x * {i} }}"
                        for i in range(300)]), None),
    "branches in branches": (
        body("".join(f"if D % {i + 2} == 1 {{ " for i in range(55)), "x = 2 * x",
             "} else { x = 3 * x } " * 55), None),
    "a tower of powers": (body(result=f"x * {'(' * 40}3{' ^ 64)' * 40}"), "E0502"),
    "a tower of sizes": (header([f"K = {'(' * 40}D{' ^ 64)' * 40}"]), None),
    "a power of a sum": (header(["A", "B", "C", "E", "F", f"K = {SUM} ^ 64"]), "E0502"),
    "a product of sums": (header(["A", "B", "C", "E", "F", f"K = {' * '.join([SUM] * 60)}"]),
                          "E0502"),
    "large numbers": (body(result=f"x * ({' * '.join(['1e300'] * 250)})"), "E0502"),
    "small numbers": (body(result="x" + " * 1e-300" * 250), None),
    "a claim with a power": (body(head=f"{HEAD} where work <= O((T + D + 1) ^ 64)"), "E0502"),
    "a long delay": (body(result="x[t-1000000000]"), None),
    "a longer delay": (body(result="x[t-999999999999999999]"), "E0506"),
    "a state far back": (body("state S[D]", "S = S[t-1000000] + x", result="S"), "E0506"),
    "a wide window": (body(result="sum[W](window[W = 1000000000](x))"), None),
    "a wide convolution": (body(result="conv[1000000000000](x)"), None),
    "conjunctions": (attend(" and ".join(f"t - {i} < j + {i}" for i in range(250))), "E0301"),
    "disjunctions": (attend(" and ".join(f"(t - {i} < j or j < {i} + t % {i + 2})"
                                         for i in range(60))), "E0301"),
    "holes": (attend("j <= t and " + " and ".join(f"j != t - {i}" for i in range(200))), None),
    "wide stack": (body(result=f"sum[P](stack[P]({', '.join(['x'] * 10000)}))"), None),
    "parameters": (body(*[f"param p{i}[D] ~ const({i})" for i in range(1500)]), "W0101"),
    "a chain of states": (
        body("s0 = x", *[f"state s{i}[D]\ns{i} = s{i}[t-1] / 2 + s{i - 1}" for i in range(1, 400)],
             result="s399"), None),
    "coupled states": (
        body(*[f"state s{i}[D]" for i in range(60)],
             *[f"s{i} = {' + '.join(f's{k}[t-1]' for k in range(60))}" for i in range(60)],
             result="s1"), None),
    "errors": (body(*["y = zz"] * 5000), "E0101"),
    "unknown operators": (body(*[f"y = foo{i}(x)" for i in range(3000)]), "E0105"),
    "ranges": (body("y = 2 + sigmoid(x)", *["y = exp(y)"] * 300, result="y",
                    head=f"{HEAD} where y in (0, 1]"), "E0406 W0104"),
}  # fmt: skip


def codes(text: str) -> set[str]:
    """What is said, all of which can be shown."""
    report = asiarch.check(text, "hostile.asi")
    for diagnostic in report.diagnostics:
        source = report.sources.get(diagnostic.file or "", report.source)
        render(diagnostic, source)
        as_json(diagnostic, source)
    report.as_json()
    assert len(report.diagnostics) <= 2 * MOST or report.ok
    return {d.code for d in report.diagnostics}


@pytest.mark.parametrize("name", PROGRAMS)
def test_hostile(name: str) -> None:
    text, code = PROGRAMS[name]
    with processor_time(BUDGET):
        found = codes(text)
    assert found == set((code or "").split())


def test_a_million_layers_are_elaborated_as_three_are() -> None:
    """What is built does not grow with the bound of a loop."""
    from asiarch.elaborate.program import Elaborator
    from asiarch.language.parser import parse

    text = PROGRAMS["a million layers"][0]
    counts: list[int] = []
    for layers in ("3", "1000000", "1000000000000"):
        elaborator = Elaborator()
        elaborator.load(parse(text.replace("1000000", layers)), "f")
        function = elaborator.check_all("f")["m"]
        counts.append(sum(len(f.nodes()) for f in [function, *(f for _, f in function.children())]))
    assert counts[0] == counts[1] == counts[2]


# -- every bound matters: without it, the program that it is for does not come to an end -----------


@pytest.mark.parametrize(("module", "bound", "program"), [
    (size, "TERMS", "a power of a sum"),
    (parts, "MOST", "calls twice with a state"),
    (parts, "STATES", "a chain of states"),
    (witness, "MOST", "a leak below a million layers"),
    (offsets, "MOST", "holes"),
])  # fmt: skip
def test_without_its_bound(
    monkeypatch: pytest.MonkeyPatch, module: object, bound: str, program: str
) -> None:
    text = PROGRAMS[program][0]
    start = time.process_time()
    codes(text)
    bounded = time.process_time() - start
    monkeypatch.setattr(module, bound, 10**9)
    with pytest.raises(TooSlow), processor_time(0.5 + 2 * bounded):
        codes(text)


# Those that build most.
LARGE = ["squares", "calls twice", "branches", "wide stack", "parameters", "a chain of states",
         "a power of a sum", "errors"]  # fmt: skip

# 256 MiB for an interpreter and these programs, one after the other.
LIMITED = """
import pickle, resource, sys
resource.setrlimit(resource.RLIMIT_AS, (256 << 20, 256 << 20))
import asiarch
for text in pickle.load(sys.stdin.buffer):
    asiarch.check(text)
print("done")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="address space is limited on Linux only")
def test_memory_is_bounded() -> None:
    import pickle

    texts = [PROGRAMS[name][0] for name in LARGE]
    done = subprocess.run([sys.executable, "-c", LIMITED], input=pickle.dumps(texts),
                          capture_output=True)  # fmt: skip
    assert done.stdout == b"done\n", done.stderr.decode()


# -- mutations -------------------------------------------------------------------------------------

TOKEN = re.compile(r"#[^\n]*|[A-Za-z_]\w*|[0-9.]+(?:e[+-]?[0-9]+)?|\|>|->|[<>=!]=|\s+|[^\w\s]")
NUMBERS = ["0", "1", "2", "0.5", "1e300", "1e-300", "1000000000", "D", "t", "j", "x"]
OPERATORS = ["+", "-", "*", "/", "%", "@", "^", "and", "or", "<", "<=", "=="]


def mutated(rng: random.Random, text: str) -> str:
    """One token replaced by another of its kind, dropped, or exchanged with another."""
    tokens = TOKEN.findall(text)
    places = [i for i, t in enumerate(tokens) if not t.isspace() and t[0] != "#"]
    at, other = rng.choice(places), rng.choice(places)
    if rng.random() < 0.1:
        tokens[at], tokens[other] = tokens[other], tokens[at]
    elif rng.random() < 0.1:
        tokens[at] = ""
    elif tokens[at][0].isalpha():
        tokens[at] = rng.choice([tokens[i] for i in places if tokens[i][0].isalpha()])
    elif tokens[at][0].isdigit():
        tokens[at] = rng.choice(NUMBERS)
    elif tokens[at] in OPERATORS:
        tokens[at] = rng.choice(OPERATORS)
    return "".join(tokens)


@pytest.mark.parametrize("seed", range(3))
def test_mutations_of_meaning(seed: int) -> None:
    rng = random.Random(seed)
    texts = [f.read_text() for f in EXAMPLES]
    silent = 0
    for _ in range(40):
        text = mutated(rng, rng.choice(texts))
        try:
            with processor_time(BUDGET):
                silent += not codes(text)
        except BaseException:
            print(text)
            raise
    assert 0 < silent < 40


@pytest.mark.parametrize("program", ["a million layers", "a billion iterations", "calls twice"])
def test_compiling_too_much_is_refused(program: str) -> None:
    text = PROGRAMS[program][0].replace("L = 1000000", "L = 1000000000")
    text = text.replace("x = x + n", "x = silu(x)").replace("if layer % 7 == 3", "if 1 == 1")
    name = {"a million layers": "m", "calls twice": "f59"}.get(program, "f")
    sizes = {} if name == "m" else {"D": 4}
    with processor_time(BUDGET), pytest.raises(asiarch.SizeError, match="operations"):
        asiarch.emit(text, name, sizes)
