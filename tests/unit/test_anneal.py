"""`anneal(a, b, steps)`: a straight line in the step of training, its end in evaluation."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import asiarch
from asiarch.interface import elaborate, load_source
from asiarch.ir.flatten import flatten
from asiarch.ir.text import print_function, read_function
from asiarch.ir.verify import verify
from asiarch.laws.program import exact, real
from asiarch.train.trainer import tell_step

PROGRAMS = {
    "number": "  return anneal(1, 0.25, 100) * x",
    "tensor": "  param w[D] ~ normal(1)\n  state s[D]\n  s = anneal(w, 0.5, 100) * s[t-1] + x\n"
              "  return s",
    "attend": "  return attend j where j <= t {\n"
              "    score: anneal(0, 2, 100) * (x[t] @ x[j])\n    value: x[j]\n  }",
    "layers": "  for n in 2 { x = x + anneal(0, n, 100) * linear[D](x) }\n  return x",
}  # fmt: skip
SIZES = {"D": 4}


def text_of(name: str) -> str:
    return f"op p[D](x: Seq[D]) -> Seq[D] where causal {{\n{PROGRAMS[name]}\n}}\n"


def compiled(name: str) -> Any:
    return asiarch.compile(text_of(name), "p", SIZES)


@pytest.mark.parametrize("name", PROGRAMS)
def test_is_its_loop_in_evaluation(name: str) -> None:
    function = flatten(elaborate(text_of(name), "p", SIZES))
    module = compiled(name)
    tell_step(module.modules(), 7)
    for verdict in (exact(function, module, batch=1, time=11),
                    real(function, module, [torch.randn(2, 13, 4).double().numpy()])):  # fmt: skip
        assert verdict.ok, str(verdict)
    again = read_function(print_function(function))
    assert verify(again) == []
    assert print_function(again) == print_function(function)
    assert asiarch.check(text_of(name)).ok


def test_an_end_that_is_not_reached_is_seen() -> None:
    faults = ("number", "return end", "return start"), ("attend", "if not part", "if part")
    for name, old, new in faults:
        module = compiled(name)
        assert module.emitted_source.count(old) == 1
        wrong = load_source(module.emitted_source.replace(old, new), type(module).__name__)
        function = flatten(elaborate(text_of(name), "p", SIZES))
        assert not exact(function, wrong, batch=1, time=11).ok


def test_a_straight_line_in_training_that_stops_at_its_end() -> None:
    module, x = compiled("number").train(), torch.ones(1, 1, 4)
    found: list[float] = []
    for step in (0, 50, 100, 5000):
        tell_step(module.modules(), step)
        found.append(float(module(x)[0, 0, 0].detach()))
    assert found == [1.0, 0.625, 0.25, 0.25]
    module.eval()
    tell_step(module.modules(), 0)
    assert float(module(x)[0, 0, 0].detach()) == 0.25


def test_every_layer_is_told_and_nothing_is_stored() -> None:
    module = compiled("layers")
    tell_step(module.modules(), 30)
    told = [int(v) for k, v in module.named_buffers() if k.endswith("training_step")]
    assert told
    assert set(told) == {30}
    assert not any("training_step" in key for key in module.state_dict())


WRONG = {
    "two values": ("anneal(1, 0)", "E0208"),
    "no steps": ("anneal(1, 0, 0)", "E0209"),
    "half a step": ("anneal(1, 0, 2.5)", "E0209"),
    "steps that change": ("anneal(1, 0, t)", "E0209"),
    "brackets": ("anneal[D](1, 0, 10)", "E0209"),
    "unequal axes": ("anneal(x, linear[K](x), 10)", "E0203"),
}


@pytest.mark.parametrize(("call", "code"), WRONG.values(), ids=[w.replace(" ", "-") for w in WRONG])
def test_what_is_refused(call: str, code: str) -> None:
    text = f"op p[D, K](x: Seq[D]) -> Seq[D] {{ return x * {call} }}"
    assert {d.code for d in asiarch.check(text).diagnostics} == {code}
