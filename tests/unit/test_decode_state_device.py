"""The state before the first token is made where the parameters are."""

from __future__ import annotations

import pytest
import torch

import asiarch

TEXTS = {
    "positions": "return x * (t + 1) + linear[D](x)",
    "attend": "k = linear[D](x)\n"
              "return attend j where t - 3 < j <= t { score: x[t] @ k[j]  value: x[j] }",
    "rotary": "return rope[D](linear[D](x))",
    "state": "state S[D]\nS = 0.5 * S[t-1] + linear[D](x)\nreturn S + conv[3](x)",
}  # fmt: skip


@pytest.mark.parametrize("name", TEXTS)
def test_where_the_parameters_are(name: str) -> None:
    text = f"op f[D](x: Seq[D]) -> Seq[D] where causal {{\n{TEXTS[name]}\n}}"
    module = asiarch.compile(text, sizes={"D": 4}).to("meta")
    state = module.initial_state(2)
    assert state
    assert {x.device for x in state.values() if isinstance(x, torch.Tensor)} == {
        torch.device("meta")
    }
