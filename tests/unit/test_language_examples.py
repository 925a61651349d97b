"""Every example is in the one layout, is right, and compiles at small sizes to finite numbers."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import pytest

import asiarch
from asiarch.language.ast import Definition
from asiarch.language.formatter import format
from asiarch.language.parser import parse

FOLDER = Path(str(resources.files("asiarch.grammar"))) / "examples"
FILES = sorted(FOLDER.glob("*.asi"))
LIBRARY = sorted(Path(str(resources.files("asiarch.library"))).glob("*.asi"))
SMALL = {"D": 16, "H": 2, "L": 2, "K": 4, "V": 4, "M": 4, "N": 4, "W": 4, "I": 3, "J": 4,
         "layer": 1, "vocab": 32}  # fmt: skip


def _definitions() -> list[tuple[Path, Definition]]:
    return [(f, d) for f in FILES for d in parse(f.read_text()).program.definitions]


def small_sizes(definition: Definition) -> dict[str, int]:
    """Numbers for what has no default, and for defaults that are literals of any size."""
    return {
        h.name.id: SMALL[h.name.id]
        for h in definition.header
        if h.default is None or h.name.id in ("L", "M", "N", "W", "I", "J", "vocab")
    }


@pytest.mark.parametrize("file", FILES + LIBRARY, ids=lambda f: f"{f.parent.name}-{f.stem}")
def test_one_layout(file: Path) -> None:
    assert format(file.read_text()) == file.read_text()


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_nothing_to_say(file: Path) -> None:
    report = asiarch.check(file.read_text(), str(file))
    assert [d.message for d in report.diagnostics] == []
    assert all(op.causal for op in report.ops.values())


@pytest.mark.parametrize(("file", "definition"), _definitions(),
                         ids=lambda x: x.name.id if isinstance(x, Definition) else "")  # fmt: skip
def test_compiles_and_runs(file: Path, definition: Definition) -> None:
    import torch

    torch.manual_seed(0)
    sizes = small_sizes(definition)
    module: Any = asiarch.compile(file.read_text(), definition.name.id, sizes, filename=str(file))
    if definition.kind == "model":
        with torch.no_grad():
            out = module(torch.randint(0, 32, (1, 6)))
        assert torch.isfinite(out[0] if isinstance(out, tuple) else out).all()


@pytest.mark.parametrize("sizes", [
    {"D": 64, "H": 2, "L": 2}, {"D": 96, "H": 2, "L": 3}, {"D": 256, "H": 4, "L": 6, "vocab": 64},
])  # fmt: skip
def test_the_two_byte_models_are_of_equal_size(sizes: dict[str, int]) -> None:
    text = (FOLDER / "lm.asi").read_text()
    counts = [
        sum(p.numel() for p in asiarch.compile(text, name, sizes).parameters())
        for name in ("gated_delta_lm", "softmax_lm")
    ]
    assert abs(counts[0] - counts[1]) <= 0.01 * counts[0]
