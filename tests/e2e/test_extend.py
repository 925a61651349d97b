"""One new file makes a primitive; one `.asi` file a definition: everything else is there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

import asiarch
import asiarch.ir.primitives as primitives
from asiarch import laws
from asiarch.elaborate.call import words
from asiarch.interface import elaborate
from asiarch.ir.flatten import flatten
from asiarch.ir.primitive import registry
from asiarch.laws.program import exact, real

SOFTSIGN = '''"""x / (1 + |x|), in (-1, 1)."""

from __future__ import annotations

from asiarch.ir.primitive import Primitive
from asiarch.ir.rules import build_pointwise

PRIMITIVE = Primitive(
    name="softsign",
    doc="x / (1 + |x|), in (-1, 1).",
    kind="pointwise",
    build=build_pointwise("softsign", 1),
    evaluate=lambda domain, node, *values: domain.pointwise(node, *values),
    float64=lambda np, x: x / (1 + np.abs(x)),
    ring=lambda R, x: R.mul(x, R.inverse(R.add(R.number(1), R.absolute(x)))),
    derivative=(
        lambda A, x, out: A.mul(
            A.sub(A.number(1), A.mul(out, A.call("sign", x))),
            A.sub(A.number(1), A.mul(out, A.call("sign", x))),
        ),
    ),
    image=lambda V, x: V.closed(-1, 1),
    spelling={"torch": "F.softsign({0})", "jax": "jax.nn.soft_sign({0})"},
    signature="softsign(x)",
)
'''

PROGRAM = """
use mine.damped
op probe[D](x: Seq[D]) -> Seq[D] where causal, y in [-1, 1], work <= O(T), state <= O(D) {
  y = softsign(linear[D](x))
  return damped(y, 0.5)
}
"""

MINE = """
op damped[A...](x: Seq[A...], rate) -> x {
  state s[A...]
  s = rate * s[t-1] + x
  return s
}
"""


@pytest.fixture
def softsign(tmp_path: Path) -> Iterator[Path]:
    """A folder with the new primitive's file, on the package's path while the test runs."""
    folder = tmp_path / "new"
    folder.mkdir()
    (folder / "softsign.py").write_text(SOFTSIGN)
    primitives.__path__.append(str(folder))
    forget()
    yield tmp_path
    primitives.__path__.remove(str(folder))
    forget()


def forget() -> None:
    """What a process reads once, at its start."""
    registry.cache_clear()
    words.cache_clear()


def test_a_new_primitive_and_a_new_definition_work_everywhere(softsign: Path) -> None:
    (softsign / "mine.asi").write_text(MINE)
    filename = str(softsign / "probe.asi")
    assert "softsign" in words()
    report = asiarch.check(PROGRAM, filename)
    assert report.ok, [d.message for d in report.diagnostics]
    ledger = {entry.claim: entry.verdict for entry in report.ops["probe"].ledger}
    assert ledger["y in [-1, 1]"] == "proved"
    module = asiarch.compile(PROGRAM, op="probe", sizes={"D": 4}, filename=filename)
    assert "F.softsign" in module.emitted_source
    flat = flatten(elaborate(PROGRAM, "probe", {"D": 4}, filename))
    # few elements: a quotient is exact in the ring only where 1 + |x| is prime to 1289
    verdict = exact(flat, module, batch=1, time=5, seed=1)
    assert verdict.ok, str(verdict)
    x = np.random.default_rng(0).standard_normal((2, 17, 4))
    assert real(flat, module, [x]).ok
    assert laws.check(module, (torch.tensor(x, dtype=torch.float32),)).ok


def test_without_the_file_the_name_is_unknown() -> None:
    report = asiarch.check("op f[D](x: Seq[D]) -> Seq[D] { return softsign(x) }")
    assert [d.code for d in report.diagnostics] == ["E0105"]
