"""The ASI-Arch gallery: every program is causal, compiles to what it means, and has the parameters
of the published one; the page about it is current."""

from __future__ import annotations

import importlib.util
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

import asiarch
from asiarch import laws
from asiarch.interface import elaborate
from asiarch.ir.flatten import flatten
from asiarch.language.formatter import format
from asiarch.laws.program import exact

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "gallery.py"
SMALL = {"D": 8, "H": 2}
TIME, CHUNK = 19, 8
LAWS = {"prefix", "gradient", "length", "batch", "streaming", "stepping", "packing"}


@cache
def gallery() -> Any:
    """The script that makes the page; absent where only the package is installed."""
    spec = importlib.util.spec_from_file_location("gallery", SCRIPT)
    if spec is None or spec.loader is None or not SCRIPT.exists():
        pytest.skip("the benchmarks are not here")
    module = importlib.util.module_from_spec(spec)

    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


FOLDER = Path(asiarch.__file__).parent / "library" / "asi_arch"
FILES = sorted(FOLDER.glob("*.asi"))
ARCHITECTURES = [f for f in FILES if f.stem != "parts"]


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_is_good_and_in_the_one_layout(file: Path) -> None:
    text = file.read_text()
    report = asiarch.check(text, str(file))
    assert [d.message for d in report.diagnostics] == []
    assert all(op.causal for op in report.ops.values())
    assert format(text) == text
    assert file.stem == "parts" or file.stem in report.ops


@pytest.mark.parametrize("file", ARCHITECTURES, ids=lambda f: f.stem)
def test_obeys_the_laws(file: Path) -> None:
    """Outputs and gradients bit for bit those of the token loop; then the laws on floats."""
    text, op = file.read_text(), file.stem
    module = asiarch.compile(text, op, SMALL, filename=str(file), chunk=CHUNK)
    meaning = flatten(elaborate(text, op, SMALL, str(file)))
    verdict = exact(meaning, module, batch=1, time=TIME)
    assert verdict.ok, str(verdict)
    x = torch.randn(2, TIME, SMALL["D"], generator=torch.Generator().manual_seed(0))
    report = laws.check(module, (x,), chunk=CHUNK)
    assert report.ok, str(report)
    assert {v.law for v in report.verdicts if v.ok} >= LAWS


def test_parts_are_found_from_outside() -> None:
    """A file beside a library file is found by it, from whatever place it is used."""
    text = """
use asi_arch.sparse_gate_delta.sparse_gate_delta
op f[D, H](x: Seq[D]) -> Seq[D] where causal { return sparse_gate_delta(x) }
"""
    assert asiarch.check(text, "<text>").ok
    assert not asiarch.check(text.replace("asi_arch.", "asi_bow."), "<text>").ok


# -- the page --------------------------------------------------------------------------------------


def test_parameters_are_those_of_the_published_models() -> None:
    """To 10,000, but for two programs whose published figure is that of another program."""
    others = {"A": "425.09", "K": "360.93"}
    for entry in gallery().entries():
        assert entry.whole == others.get(entry.letter, entry.published), entry.title


def test_the_published_count_of_content_sharp_router_is_that_of_the_wrong_program() -> None:
    """4 H logits for each head, of which the first 4 are used: 425.44 M, as published."""
    file = FOLDER / "content_sharp_router.asi"
    text = file.read_text()
    wrong = (
        text.replace("Q = 2]", "Q = 2, R = 4 * H]")
        .replace("param z0[P] ~ stack[P](0, 0, 0, 2)", "param z0[R] ~ const(0)")
        .replace("linear[F -> P]", "linear[F -> R]")
        .replace("linear[Q, P -> P]", "linear[Q, P -> R]")
        .replace("softmax[P]", "softmax[R]")
    )
    assert [d.code for d in asiarch.check(wrong, str(file)).diagnostics if d.severity == "error"]
    four = ", ".join(f"w[R = {i}]" for i in range(4))
    picked = wrong.replace("  loss anneal", f"  w = stack[P]({four})\n  loss anneal")
    assert not asiarch.check(picked, str(file)).diagnostics
    sizes = gallery().SIZES
    function = elaborate(picked, "content_sharp_router", sizes, str(file))
    from asiarch.analysis.ledger import Analyses

    count = Analyses().facts(function).cost.params.integer
    assert round(gallery().whole(count) / 1e6, 2) == 425.44


@pytest.mark.parametrize("change", [("fir[25]", "fir[26]"), ("F = D / 2", "F = D / 2 + 2"),
                                    ("f0[F]", "f0[F, P]")])  # fmt: skip
def test_another_width_changes_the_count(change: tuple[str, str]) -> None:
    """The planted faults: one more tap, two more rows of a map, a bias for every path."""
    text = (FOLDER / "content_sharp_router.asi").read_text()
    assert text.count(change[0]) == 1
    if change[1] == "f0[F, P]":
        text = text.replace("linear[F](x) + f0", "linear[F](x) + mean[P](f0)")
    sizes = gallery().SIZES
    module = asiarch.compile(
        text.replace(*change), "content_sharp_router", sizes, filename=str(FOLDER / "x.asi")
    )
    count = sum(p.numel() for p in module.parameters())
    assert f"{gallery().whole(count) / 1e6:.2f}" != "425.09"


def test_the_page_is_current() -> None:
    """`python benchmarks/gallery.py --write` makes it."""
    assert gallery().PAGE.read_text(encoding="utf-8") == gallery().page()


@pytest.mark.parametrize("wrong", [
    "# A. Title (delta_net_x, number 1, 4 M)\n# Does.\n# Here: the same.\n",
    "# A. Title (delta_net_x, number 1, 4.0 M).\n# Does.\n",
])  # fmt: skip
def test_a_comment_that_says_too_little_is_noticed(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"line"):
        gallery().comment(wrong)
