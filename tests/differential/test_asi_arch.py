"""Our programs of the ASI-Arch gallery give what the published ones give, where they are to agree.

Skipped unless `ASI_ARCH_GALLERY` names the published `data/106.json`.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from asiarch.laws.tolerances import ASI_ARCH
from tests.differential import asi_arch
from tests.differential.asi_arch import FOLDER, MAPS, TIME, D, H, ours, outputs, published

pytestmark = pytest.mark.skipif(
    not asi_arch.programs(), reason=f"{asi_arch.VARIABLE} does not name the published programs"
)


def tokens(count: int = TIME) -> Tensor:
    """The first channel is 1, so that a gate without a bias can be opened."""
    x = torch.randn(2, count, D, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    x[..., 0] = 1
    return x


OPEN = {"psfr": "retention_param", "udmag": "gamma_proj.bias", "head_gate_ema": "mix_bias",
        "ndg": "g_proj_token.bias"}  # fmt: skip


def opened(name: str, layer: nn.Module) -> None:
    """Parameters at which a published program does what it does in every chunk alike."""
    weights = dict(layer.named_parameters())
    if name in OPEN:
        weights[OPEN[name]].data.fill_(800)
    if name == "dyn_decay_fractal_gate":
        weights["rotary_mix_logit"].data.fill_(-60)
        weights["gamma_proj.weight"].data[:, 0] = 800
    for key in weights:
        if key.endswith("_eps_base"):
            weights[key].data.abs_()


def pair(name: str) -> tuple[nn.Module, Any]:
    """Theirs and ours with the same parameters."""
    file, place = MAPS[name]
    heads, sizes = (1, {}) if name == "mscmix_pointwise" else (H, {})
    text = (FOLDER / f"{file}.asi").read_text(encoding="utf-8")
    if name in ("csm", "ms_gstat3_quota"):
        variance = "mean[V](square(center[V](p)))"
        assert variance in text
        text = text.replace(f"{variance} + 1e-6", f"V / (V - 1) * {variance}")
    if name == "csm":
        text = as_published(text)
    if name == "len_hgate_mixanneal":
        sizes = {"N": TIME}
    layer = published(name, heads)
    opened(name, layer)
    mine = ours(file, heads, text, **sizes)
    mine.load_state_dict(place({k: p.detach().clone() for k, p in layer.named_parameters()}))
    return layer, mine


def as_published(text: str) -> str:
    """ContentSharpRouter with 4 H logits for each head, of which the first 4 are used."""
    picked = ", ".join(f"w[R = {i}]" for i in range(4))
    return (
        text.replace("Q = 2]", "Q = 2, R = 4 * H]")
        .replace("param z0[P] ~ stack[P](0, 0, 0, 2)", "param z0[R] ~ const(0)")
        .replace("linear[F -> P]", "linear[F -> R]")
        .replace("linear[Q, P -> P]", "linear[Q, P -> R]")
        .replace("softmax[P]", "softmax[R]")
        .replace("  loss anneal", f"  w = stack[P]({picked})\n  loss anneal")
    )


def apart(layer: nn.Module, mine: Any, x: Tensor) -> Tensor:
    """The largest difference at each token, against the largest output."""
    theirs = outputs(layer, x)
    with torch.no_grad():
        result = mine(x)
    result = result[0] if isinstance(result, tuple) else result
    return (theirs - result).abs().amax((0, 2)) / theirs.abs().max()


@pytest.mark.parametrize("name", MAPS)
def test_equal(name: str) -> None:
    layer, mine = pair(name)
    found = apart(layer, mine, tokens())
    if name == "hefth":  # theirs weighs all tokens by the length that only the last has reached
        found = found[-1:]
    print(f"{name}: {found.max():.2e}")
    assert found.max() < ASI_ARCH


@pytest.mark.parametrize("name", ["hsigctx", "hhmr", "mor", "adaptive_mix_gate"])
def test_another_parameter_is_noticed(name: str) -> None:
    """Each of ours in turn, a tenth more."""
    layer, mine = pair(name)
    for value in mine.state_dict().values():
        kept = value.clone()
        value.copy_(1.1 * kept + 0.1)
        assert apart(layer, mine, tokens()).max() > ASI_ARCH
        value.copy_(kept)


@pytest.mark.parametrize(
    "name", ["spectral_fusion", "hefth", "len_hgate_mixanneal", "cpaghr", "aif"]
)
def test_the_published_program_depends_on_what_follows(name: str) -> None:
    layer, x = published(name), tokens()
    whole, part = outputs(layer, x), outputs(layer, x[:, : TIME // 2])
    assert (whole[:, : TIME // 2] - part).abs().max() > 1e-6


def test_a_program_that_does_not_is_told_apart() -> None:
    layer, x = published("hsigctx"), tokens()
    whole, part = outputs(layer, x), outputs(layer, x[:, : TIME // 2])
    assert (whole[:, : TIME // 2] - part).abs().max() < 1e-9


PER_CHUNK = """
  state A[H, K, V]
  state S[H, K, V]
  A = select(t % 32 == 0, S[t-1] + (a - 1) * A[t-1], A[t-1])
  R = select(t % 32 == 0, A, S[t-1])
  S = R + b * k * (v - k @ R)
"""


def test_a_decay_once_per_chunk_can_be_said() -> None:
    """As FusionGatedFIRNet was published: of 32 tokens the first alone forgets what was before."""
    file, place = MAPS["psfr"]
    text = (FOLDER / f"{file}.asi").read_text(encoding="utf-8")
    start, end = text.index("  state S"), text.index("  p = stack")
    text = text[:start] + PER_CHUNK.lstrip("\n") + text[end:]
    text = text.replace(" ^ (1 / 32)", "").replace(", stable", "")
    layer = published("psfr")
    mine = ours(file, text=text)
    mine.load_state_dict(place({k: p.detach().clone() for k, p in layer.named_parameters()}))
    assert apart(layer, mine, tokens(70)).max() < ASI_ARCH
