"""`share f = op[...]`: one set of weights, every call's own states."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import asiarch
from asiarch.interface import elaborate, load_source
from asiarch.ir.flatten import flatten
from asiarch.ir.text import print_function, read_function
from asiarch.ir.verify import verify
from asiarch.language.formatter import format
from asiarch.laws.program import exact

TWICE = """
op p[D, H](x: Seq[D]) -> Seq[D] where causal {
  share f = linear[D]
  return f(f(x)) + f(x[t-1])
}
"""

LAYERS = """
op p[D, H](x: Seq[D]) -> Seq[D] where causal {
  share f = linear[D]
  for n in 3 { x = x + silu(f(x)) }
  return x
}
"""

MIXER = """
op g[D, K = D / 2](x: Seq[D]) -> Seq[D] where causal {
  state s[K]
  u = linear[K](x)
  s = sigmoid(linear[K](x)) * s[t-1] + u
  return conv[3](linear[D](s)) |> rmsnorm[D]
}
"""

DEFINITION = f"""{MIXER}
op p[D, H](x: Seq[D]) -> Seq[D] where causal {{
  share f = g
  y = f(x)
  for n in 2 {{ x = x + f(x) }}
  return f(y) + x
}}
"""

RENAMED = """
op p[D, H, K = D / H](x: Seq[D]) -> Seq[D] where causal {
  share f = linear[K -> K]
  a = linear[K](x)
  b = linear[K](x)
  return linear[K -> D](f(a) + rename[J -> K](f(b) |> rename[K -> J]))
}
"""

PROGRAMS = {"twice": TWICE, "layers": LAYERS, "definition": DEFINITION, "renamed": RENAMED}
SIZES = {"D": 6, "H": 2}


def compiled(text: str) -> Any:
    return asiarch.compile(text, "p", SIZES, filename="<share>")


@pytest.mark.parametrize("text", PROGRAMS.values(), ids=PROGRAMS)
def test_is_its_loop_bit_for_bit(text: str) -> None:
    function = flatten(elaborate(text, "p", SIZES, "<share>"))
    verdict = exact(function, compiled(text), batch=1, time=11)
    assert verdict.ok, str(verdict)
    again = read_function(print_function(function))
    assert verify(again) == []
    assert print_function(again) == print_function(function)


def test_paths_are_the_share_s() -> None:
    assert [*compiled(TWICE).state_dict()] == ["f.linear"]
    inner = ["u.linear", "s.linear", "out.linear", "out.conv.taps", "out.rmsnorm.weight"]
    assert {*compiled(DEFINITION).state_dict()} == {f"f.g.{path}" for path in inner}


def test_weights_are_counted_once_and_states_for_each_call() -> None:
    shared = asiarch.check(DEFINITION, "<share>").ops["p"]
    apart = asiarch.check(DEFINITION.replace("share f = g", "").replace("f(", "g("), "<share>")
    assert str(shared.params) == "3 * D^2 / 2 + 4 * D"
    assert (shared.state, shared.work) == (apart.ops["p"].state, apart.ops["p"].work)
    assert apart.ops["p"].params != shared.params


def test_an_untied_twin_is_seen() -> None:
    module = compiled(TWICE)
    source = module.emitted_source
    first = source.index("@ self.f.linear")
    untied = source[:first] + source[first:].replace(
        "@ self.f.linear", "@ self.f.linear.detach()", 1
    )
    twin = load_source(untied, type(module).__name__)
    twin.load_state_dict(module.state_dict())
    function = flatten(elaborate(TWICE, "p", SIZES, "<share>"))
    assert torch.equal(twin(torch.ones(1, 3, 6)), module(torch.ones(1, 3, 6)))
    assert not exact(function, twin, batch=1, time=11).ok  # its gradient lacks a use


WRONG = {
    "brackets at the call": ("share f = linear[D]\n return f[D](x)", "E0120"),
    "its name as a value": ("share f = linear[D]\n return f + x", "E0120"),
    "other sizes": ("share f = linear[D -> D]\n share g = linear[V]\n return g(f(x)) @ g(g(x))",
                    "E0120"),
    "no operator": ("share f = linaer[D]\n return f(x)", "E0105"),
    "bound again": ("share f = linear[D]\n f = x\n return f", "E0109"),
    "declared twice": ("share f = linear[D]\n share f = linear[D]\n return f(x)", "E0113"),
    "inside attend": ("share f = linear[D]\n return attend j where j <= t { score: 1.0 * j "
                      "value: f(x[j]) }", "E0225"),
}  # fmt: skip


@pytest.mark.parametrize(("body", "code"), WRONG.values(), ids=[w.replace(" ", "-") for w in WRONG])
def test_what_is_refused(body: str, code: str) -> None:
    text = f"op p[D, V](x: Seq[D]) -> Seq[D] where causal {{\n {body}\n}}\n"
    found = asiarch.check(text, "<share>").diagnostics
    assert code in {d.code for d in found}, found


def test_layers_with_weights_are_refused() -> None:
    text = (
        "op deep[D](x: Seq[D]) -> Seq[D] {\n for n in 2 { x = x + linear[D](x) }\n return x\n}\n"
        "op p[D](x: Seq[D]) -> Seq[D] {\n share f = deep\n return f(f(x))\n}\n"
    )
    assert "E0120" in {d.code for d in asiarch.check(text, "<share>").diagnostics}


def test_formatting_keeps_it() -> None:
    ugly = TWICE.replace("share f = linear[D]", "share   f=linear [D]")
    assert format(ugly) == format(TWICE) == format(format(TWICE))
