"""Models of the library at their published widths have the published numbers of parameters."""

from __future__ import annotations

from importlib import resources

import pytest

import asiarch

FILE = resources.files("asiarch.library").joinpath("models.asi")
PUBLISHED = {
    "llama": (6_738_415_616, 0.0),
    "mamba_lm": (129_135_360, 0.001),  # convolutions have no bias here
    "mamba2_lm": (128_989_632, 0.001),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters(name: str) -> None:
    """Counted on the polynomial: nothing of that size is made."""
    op = asiarch.check(FILE.read_text(encoding="utf-8"), "models.asi").ops[name]
    defaults = op.facts.function.defaults
    values = {n: int(size.integer or 0) for n, size in defaults.items() if size is not None}
    count, share = PUBLISHED[name]
    assert abs(float(op.params.evaluate(values)) - count) <= share * count
