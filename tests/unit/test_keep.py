"""`keep: top[n](e)`: of the admissible tokens the n of the largest e, or those of n blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import asiarch
from asiarch import laws
from asiarch.codegen.reference import Reference
from asiarch.interface import elaborate, load_source
from asiarch.ir.domains.dual import Dual, Pair
from asiarch.ir.domains.float64 import Float64
from asiarch.ir.flatten import flatten
from asiarch.ir.text import print_function, read_function
from asiarch.ir.verify import verify
from asiarch.language.formatter import format
from asiarch.laws.program import exact, real
from tests.laws.attends import op

KEEPS = {
    "tokens": ("j <= t", "softmax", "top[3](q[t] @ k[j])"),
    "tokens for all heads": ("j <= t", "softmax", "top[3](sum[H](q[t] @ k[j]))"),
    "blocks": ("j <= t", "softmax", "top[2, block = 4](q[t] @ k[j])"),
    "blocks of a window": ("t - 9 < j <= t", "stickbreaking", "top[2, block = 4](f[j])"),
    "no matrix form": ("j < t", "sigmoid", "top[5](tanh(q[t] - k[j]) @ k[j])"),
    "blocks of one": ("j <= t", "linear", "top[2, block = 1](f[t] + f[j])"),
    "by position": ("j <= t", "softmax", "top[2](j % 3)"),
}
SIZES = {"D": 8, "H": 2}


def text_of(name: str) -> str:
    where, weight, keep = KEEPS[name]
    return op(
        "p",
        f"""
  return attend j where {where} {{
    weight: {weight}
    score: q[t] @ k[j] / sqrt(K)
    value: v[j]
    keep: {keep}
  }}
""",
    )


def flat(name: str) -> Any:
    return flatten(elaborate(text_of(name), "p", SIZES))


def compiled(name: str) -> Any:
    return asiarch.compile(text_of(name), "p", SIZES)


def drawn(time: int = 37) -> Any:
    return np.random.default_rng(time).standard_normal((2, time, 8))


@pytest.mark.parametrize("name", KEEPS)
def test_is_its_loop(name: str) -> None:
    """The ring compares residues, so even the choice is the same in every bit."""
    for verdict in (exact(flat(name), compiled(name), batch=1, time=19),
                    real(flat(name), compiled(name), [drawn()])):  # fmt: skip
        assert verdict.ok, str(verdict)


@pytest.mark.parametrize("name", KEEPS)
def test_laws(name: str) -> None:
    report = laws.check(compiled(name), (torch.tensor(drawn()).float(),), chunk=16, ring=True)
    assert report.ok, str(report)


@pytest.mark.parametrize("name", KEEPS)
def test_gradients_are_those_of_what_is_kept(name: str) -> None:
    """Away from ties the choice is constant: differences of the reference are its derivative."""
    function, module = flat(name), compiled(name).double()
    values = {k: v.numpy() for k, v in module.state_dict().items()}
    x = drawn(23)
    way = np.random.default_rng(1).standard_normal(x.shape)

    def at(shift: float) -> Any:
        return Reference(function, values).evaluate([x + shift * way])[0]

    params = {k: Pair(v, np.zeros_like(v)) for k, v in values.items()}
    slope = Reference(function, params, Dual(Float64())).evaluate([Pair(x, way)])[0].tangent
    assert np.abs(slope - (at(1e-6) - at(-1e-6)) / 2e-6).max() < 1e-6
    given = torch.tensor(x).requires_grad_()
    out = module(given)
    cotangent = torch.randn(out.shape, dtype=torch.float64)
    (pulled,) = torch.autograd.grad(out, given, cotangent)
    pushed = float((torch.tensor(slope) * cotangent).sum())
    assert abs(float((pulled * torch.tensor(way)).sum()) - pushed) < 1e-9 * max(1, abs(pushed))


PLAIN = """
op plain[D](x: Seq[D], e: Seq[]) -> Seq[D] where causal {
  return attend j where j <= t { weight: linear  score: 1 + 0 * e[j]  value: x[j]  keep: KEEP }
}
"""


def kept(keep: str, e: list[float], source: Any = None) -> list[list[float]]:
    """Which tokens every token keeps."""
    text, time = PLAIN.replace("KEEP", keep), len(e)
    module = asiarch.compile(text, "plain", {"D": time})
    if source is not None:
        found = module.emitted_source.replace(*source)
        assert found != module.emitted_source
        module = load_source(found, "Plain")
    given = torch.eye(time)[None], torch.tensor(e).float()[None]
    rows = module(*given)[0]
    if source is None:
        loop = Reference(flatten(elaborate(text, "plain", {"D": time})), {})
        assert np.array_equal(loop.forward(*(g.double().numpy() for g in given))[0], rows.numpy())
    return [[j for j in range(time) if row[j]] for row in rows.tolist()]


def test_of_equals_the_earlier_stays() -> None:
    assert kept("top[2](e[j])", [1, 3, 1, 3, 3]) == [[0], [0, 1], [0, 1], [1, 3], [1, 3]]
    assert kept("top[1, block = 2](e[j])", [2, 0, 1, 1, 5]) == [[0], [0, 1], [0, 1], [0, 1], [4]]


def test_a_mean_is_of_what_is_visible() -> None:
    """Token 2 sees the first half of the second block: 9, not the mean of 9 and -9."""
    assert kept("top[1, block = 2](e[j])", [4, 4, 9, -9]) == [[0], [0, 1], [2], [0, 1]]


FAULTS = {
    "the later of equals": ("level.long().cumsum(-1)", "level.long().flip(-1).cumsum(-1).flip(-1)"),
    "a mean that sees the future": ("torch.where(seen, e, 0.0))", "e)"),
    "a block that counts the future": ("torch.where(seen, 1.0, empty))", "torch.ones_like(e))"),
    "the smallest": ("torch.where(seen, e, -torch.inf)", "torch.where(seen, -e, -torch.inf)"),
    "one too many": ("<= count - above", "<= count + 1 - above"),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=[f.replace(" ", "-") for f in FAULTS])
def test_planted_faults_are_seen(fault: tuple[str, str]) -> None:
    seen = False
    for keep, e in (("top[2](e[j])", [1.0, 3, 1, 3, 3]),
                    ("top[1, block = 2](e[j])", [4.0, 4, 6, -9, 4, 4])):  # fmt: skip
        seen |= kept(keep, e) != kept(keep, e, fault)
    assert seen


def test_a_mean_that_sees_the_future_breaks_the_ring_and_the_prefix() -> None:
    module = compiled("blocks")
    text = module.emitted_source.replace("torch.where(seen, e, 0.0))", "e)")
    leaky = load_source(text, type(module).__name__)
    leaky.load_state_dict(module.state_dict())
    assert not exact(flat("blocks"), leaky, batch=1, time=19).ok
    assert not laws.check(leaky, (torch.tensor(drawn()).float(),), chunk=16).ok


def test_text_forms() -> None:
    text = text_of("blocks")
    function = flat("blocks")
    again = read_function(print_function(function))
    assert verify(again) == []
    assert print_function(again) == print_function(function)
    assert format(text) == format(format(text))
    assert "top[2, block = 4](" in format(text)


WRONG = {
    "no number": ("top(q[t] @ k[j])", "E0221"),
    "none kept": ("top[0](q[t] @ k[j])", "E0221"),
    "an unknown slot": ("top[2, blocks = 4](q[t] @ k[j])", "E0221"),
    "two numbers": ("top[2, 4](q[t] @ k[j])", "E0221"),
    "another operator": ("best[2](q[t] @ k[j])", "E0221"),
    "axes that the score lacks": ("top[2](q[t] * k[j])", "E0203"),
    "a bare stream": ("top[2](f)", "E0223"),
}


@pytest.mark.parametrize(("keep", "code"), WRONG.values(), ids=[w.replace(" ", "-") for w in WRONG])
def test_what_is_refused(keep: str, code: str) -> None:
    text = text_of("tokens").replace(KEEPS["tokens"][2], keep)
    assert {d.code for d in asiarch.check(text).diagnostics} == {code}


def test_a_sink_beside_other_weights_is_refused() -> None:
    text = text_of("no matrix form").replace("keep: top[5]", "sink: 0 keep: top[5]")
    assert {d.code for d in asiarch.check(text).diagnostics} == {"E0221"}
