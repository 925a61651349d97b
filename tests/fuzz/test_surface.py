"""The interpreter of the text agrees with the reference: on the library, on examples, on draws."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asiarch.codegen.parameters import initial_values
from asiarch.codegen.reference import Reference
from asiarch.fuzz import CAUSAL, NON_CAUSAL, Policy, draw
from asiarch.fuzz.checks import Case, judged
from asiarch.fuzz.meaning import apart
from asiarch.fuzz.program import Program
from asiarch.fuzz.surface import run
from asiarch.interface import elaborate
from asiarch.ir.flatten import flatten
from asiarch.language.parser import parse
from tests.laws.literature import FOLDER, PROGRAMS

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "grammar/examples").glob("*.asi"))
SIZES = {"D": 16, "H": 2, "K": 3, "V": 4, "M": 3, "L": 2, "G": 2, "layer": 1}
TIME = 7


def programs() -> list[tuple[Path, str, dict[str, int]]]:
    """The library's definitions at the sizes that its laws take, and the examples'."""
    found = [(Path(p.filename), p.op, p.sizes) for p in PROGRAMS]
    for path in EXAMPLES:
        for d in parse(path.read_text(encoding="utf-8"), str(path)).program.definitions:
            open_sizes = [h.name.id for h in d.header if h.default is None]
            found.append((path, d.name.id, {name: SIZES[name] for name in open_sizes}))
    return found


def difference(
    text: str, op: str, sizes: dict[str, int], file: str = "", time: int = TIME
) -> float:
    """How far apart the two are, beyond rounding."""
    flat = flatten(elaborate(text, op, sizes, file))
    rng = np.random.default_rng(0)
    params: dict[str, Any] = {k: v + 0.3 * rng.standard_normal(v.shape)
                              for k, v in initial_values(flat, 0).items()}  # fmt: skip
    streams: list[Any] = []
    for leaf in flat.inputs:
        if leaf.type.mode == "token":
            streams.append(
                rng.integers(0, int(flat.axes[leaf.type.vocab or ""].integer or 2), (2, time))
            )
            continue
        shape = [int(flat.axes[a].integer or 0) for a in leaf.type.axes]
        lead = (1, time) if leaf.type.stream else ()
        streams.append(rng.uniform(0.1, 0.9, (*lead, *shape)))
    found = run(text, op, sizes, params, streams, file)
    with np.errstate(all="ignore"):
        return apart(found.results, Reference(flat, params).evaluate(streams))


@pytest.mark.parametrize(
    ("path", "op", "sizes"),
    programs(),
    ids=lambda x: x if isinstance(x, str) else getattr(x, "stem", ""),
)
def test_of_the_library_and_the_examples(path: Path, op: str, sizes: dict[str, int]) -> None:
    file = FOLDER / path.name if path.parent.name == "<library>" else path
    assert difference(file.read_text(encoding="utf-8"), op, sizes, str(path)) == 0


@pytest.mark.parametrize("policy", [CAUSAL, NON_CAUSAL], ids=lambda p: p.name)
@pytest.mark.parametrize("seed", range(40, 60))
def test_of_drawn_programs(policy: Policy, seed: int) -> None:
    programs = (Case(draw(random.Random(1000 * n + seed), policy), seed) for n in range(20))
    case = next(c for c in programs if c.report.ok)  # some of those that read ahead are refused
    assert judged(case, ("surface",)) == (None, {})


LOOP = """op main[D](x: Seq[D]) -> Seq[D] where causal {
  state h[D] = 0.25
  h = 0.5 * h[t-1] + x
  for n in 2 {
    h = 0.5 * h + 0.25 * h[t-1]
    x = x + h
  }
  return x
}
"""


def test_what_reads_the_new_value_for_the_old_is_seen() -> None:
    """In a loop `h[t-1]` is what was carried, whatever has been written since."""
    case = Case(Program(LOOP, "main", (("D", 2),)))
    assert judged(case, ("surface",))[0] is None
    wrong = LOOP.replace("0.5 * h + 0.25 * h[t-1]", "0.5 * h + 0.25 * h")
    other = Case(Program(wrong, "main", (("D", 2),)))
    case.__dict__["flat"] = other.flat
    failure, _ = judged(case, ("surface",))
    assert failure is not None
    assert failure[0] == "surface"


MEANINGS: dict[str, tuple[str, Callable[[Any, Any], Any]]] = {
    "a product contracts the last axis": (
        "op main[A, B](x: Seq[A, B], y: Seq[B]) -> Seq[A] { return x @ y }",
        lambda x, y: np.einsum("btij,btj->bti", x, y),
    ),
    "a delay is 0 before the start": (
        "op main[A, B](x: Seq[A, B], y: Seq[B]) -> Seq[B] { return y[t-2] - y }",
        lambda x, y: np.concatenate([0 * y[:, :2], y[:, :-2]], 1) - y,
    ),
    "a state is read before its equation": (
        "op main[A, B](x: Seq[A, B], y: Seq[B]) -> Seq[B] {\n"
        "  state s[B] = 2\n  o = s[t-1]\n  s = s[t-1] + y\n  return o\n}",
        lambda x, y: 2 + np.cumsum(y, 1) - y,
    ),
    "a strict attend gives 0 at first": (
        "op main[A, B](x: Seq[A, B], y: Seq[B]) -> Seq[B] {\n"
        "  return attend j where j < t { weight: none  score: 1 + 0 * j  value: y[j] }\n}",
        lambda x, y: np.cumsum(y, 1) - y,
    ),
    "power before minus, minus from the left": (
        "op main[A, B](x: Seq[A, B], y: Seq[B]) -> Seq[B] { return -y ^ 2 - y - 2 / y * y }",
        lambda x, y: -(y**2) - y - 2,
    ),
    "axes of a callee are its own": (
        "op part[A, B](x: Seq[B], y: Seq[A]) -> Seq[A, B] { return y * x }\n"
        "op main[A, B](x: Seq[A, B], y: Seq[B]) -> Seq[B, A] { return part(sum[B](x), y) }",
        lambda x, y: np.einsum("btj,bti->btji", y, x.sum(3)),
    ),
}


@pytest.mark.parametrize("name", MEANINGS)
def test_of_meanings_written_with_numpy(name: str) -> None:
    text, meaning = MEANINGS[name]
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((2, TIME, 2, 3)), rng.standard_normal((2, TIME, 3))
    found = run(text, "main", {"A": 2, "B": 3}, {}, [x, y])
    np.testing.assert_allclose(found.results[0], meaning(x, y), rtol=1e-12)
