"""The published programs of the ASI-Arch gallery beside ours: their parameters in our places.

The programs are not here. `ASI_ARCH_GALLERY` names the file `data/106.json` of GAIR-NLP/ASI-Arch;
the parts of flash-linear-attention that they import are stood in for in plain torch, so that they
run on a CPU in float64. A map takes their parameters by name and gives ours by path.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import asiarch

VARIABLE = "ASI_ARCH_GALLERY"
FOLDER = Path(asiarch.__file__).parent / "library" / "asi_arch"
D, H, TIME = 16, 2, 30
"""Fewer tokens than a chunk of theirs: what a kernel does at its borders is not compared."""

Weights = dict[str, Tensor]


# -- their programs --------------------------------------------------------------------------------


class ShortConvolution(nn.Module):
    def __init__(self, hidden_size: int, kernel_size: int, activation: str | None = None,
                 **_: Any) -> None:  # fmt: skip
        super().__init__()
        self.weight = nn.Parameter(torch.empty(hidden_size, 1, kernel_size))
        self.activation = activation

    def forward(self, x: Tensor, **_: Any) -> tuple[Tensor, None]:
        padded = F.pad(x.mT, (self.weight.shape[-1] - 1, 0))
        y = F.conv1d(padded, self.weight, groups=x.shape[-1]).mT
        return (y if self.activation is None else F.silu(y)), None


class RMSNorm(nn.Module):
    def __init__(self, size: int, **_: Any) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, x.shape[-1:], self.weight, 1e-6)


def l2norm(x: Tensor) -> Tensor:
    return x * torch.rsqrt((x * x).sum(-1, keepdim=True) + 1e-6)


def _module(name: str, **content: Any) -> ModuleType:
    made = ModuleType(name)
    made.__dict__.update(content)
    return made


@contextmanager
def _standing_in() -> Iterator[None]:
    """What the programs import, and no compilation; all is as before when it ends."""
    modules = [
        _module("fla"),
        _module("fla.layers"),
        _module("fla.layers.utils", get_unpad_data=None, index_first_axis=None, pad_input=None),
        _module("fla.modules", ShortConvolution=ShortConvolution, RMSNorm=RMSNorm,
                FusedRMSNormGated=RMSNorm),
        _module("fla.modules.l2norm", l2norm=l2norm),
        _module("fla.models"),
        _module("fla.models.utils", Cache=object),
    ]  # fmt: skip
    kept = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)

    def same(function: Any = None, **_: Any) -> Any:
        return function if function is not None else (lambda f: f)

    with (
        patch.dict(sys.modules, {m.__name__: m for m in modules}),
        patch.object(torch, "compile", same),
    ):
        try:
            yield
        finally:
            torch.set_default_dtype(kept)


def programs() -> dict[str, str]:
    """The published texts by name, without `delta_net_`; empty where the file is not known."""
    file = os.environ.get(VARIABLE)
    if not file:
        return {}
    found = json.loads(Path(file).read_text(encoding="utf-8"))
    return {e["name"].removeprefix("delta_net_"): e["program"] for e in found}


def published(name: str, heads: int = H) -> nn.Module:
    """A published layer with drawn parameters, in float64."""
    text = programs()[name].replace(".float()", ".double()")
    for low in ("bfloat16", "float32"):
        text = text.replace(f"torch.{low}", "torch.float64")
    with _standing_in(), warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        names: dict[str, Any] = {"__name__": name}
        exec(compile(text, name, "exec"), names)
        layer = names["DeltaNet"](hidden_size=D, num_heads=heads, norm_eps=1e-6, layer_idx=3)
    generator = torch.Generator().manual_seed(1)
    for parameter in layer.parameters():
        drawn = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        parameter.data = 0.5 * drawn
    return layer.eval()


def outputs(layer: nn.Module, x: Tensor) -> Tensor:
    with torch.no_grad(), _standing_in():
        return layer(x)[0]


def ours(file: str, heads: int = H, text: str | None = None, **sizes: int) -> Any:
    """Our layer in float64, at the start of training."""
    path = FOLDER / f"{file}.asi"
    text = path.read_text(encoding="utf-8") if text is None else text
    return asiarch.compile(text, file, {"D": D, "H": heads, **sizes}, filename=str(path),
                           dtype="float64").train()  # fmt: skip


# -- maps ------------------------------------------------------------------------------------------


def taps(filters: Tensor, heads: int = H) -> Tensor:
    return filters.reshape(heads, D // heads, filters.shape[-1]).permute(2, 0, 1)


def map_to(weight: Tensor, *axes: int) -> Tensor:
    return weight.T.reshape(weight.shape[1], *axes)


def first(weight: Tensor, *shapes: tuple[int, ...]) -> list[Tensor]:
    """The map of what a network reads side by side, as one map of each."""
    counts = [prod(s) for s in shapes]
    parts = weight.split([weight.shape[1] - sum(counts), *counts], dim=1)
    shaped = [(parts[0].shape[1],), *shapes]
    return [p.T.reshape(*s, weight.shape[0]) for p, s in zip(parts, shaped, strict=True)]


def guarded(heat: Tensor, by: float = 1e-4) -> Tensor:
    """What softplus takes to softplus(heat) + by."""
    return torch.log(torch.expm1(F.softplus(heat) + by))


def front(t: Weights, prefix: str = "d.memory.q.front.", rate: bool = True,
          heads: int = H) -> Weights:  # fmt: skip
    out: Weights = {}
    for name in "qkv":
        out[f"{prefix}{name}.linear"] = map_to(t[f"{name}_proj.weight"], heads, D // heads)
        out[f"{prefix}{name}.conv.taps"] = taps(t[f"{name}_conv1d.weight"], heads)
    return out | ({f"{prefix}b.linear": t["b_proj.weight"].T} if rate else {})


def back(t: Weights, prefix: str = "out.back.", heads: int = H) -> Weights:
    return {f"{prefix}out.linear": t["o_proj.weight"].T.reshape(heads, D // heads, D),
            f"{prefix}out.rmsnorm.weight": t["o_norm.weight"]}  # fmt: skip


def filters(t: Weights, prefix: str, *names: str, heads: int = H) -> Weights:
    """Filters of one line of ours: `p.fir`, `p.fir_2`, ..."""
    return {f"{prefix}{f'_{i}' if i > 1 else ''}.taps": taps(t[name], heads)
            for i, name in enumerate(names, 1)}  # fmt: skip


def shared(t: Weights, one: str, two: str, paths: int, out: str) -> Weights:
    """A network over the token and four statistics of every path that the heads share."""
    x, s = first(t[f"{one}.weight"], (paths, 4))
    return {"f0": t[f"{one}.bias"], "z0": t[f"{two}.bias"], "f.linear": x,
            "f.linear_2": s.transpose(0, 1), out: t[f"{two}.weight"].T}  # fmt: skip


def router(t: Weights, one: str, two: str, paths: int, out: str) -> Weights:
    """The token's part of a network that gives logits for every head and path."""
    return {"f0": t[f"{one}.bias"], "z0": t[f"{two}.bias"].reshape(H, paths),
            out: map_to(t[f"{two}.weight"], H, paths)}  # fmt: skip


def content_sharp(t: Weights) -> Weights:
    w, half = t["gate.out_proj.weight"], D // 2
    return {**front(t), **back(t), **filters(t, "p.fir", "fir_short.weight", "fir_long.weight"),
            "f0": t["gate.in_proj.bias"], "z0": t["gate.out_proj.bias"],
            "sharp": guarded(t["gate.log_temp"]), "f.linear": t["gate.in_proj.weight"].T,
            "z.linear": w[:, :half].T,
            "z.linear_2": w[:, half:].T.reshape(4, 2, -1).transpose(0, 1)}  # fmt: skip


def fusion_gated(t: Weights) -> Weights:
    a, b = "fusion_gate.mlp.0", "fusion_gate.mlp.2"
    x, s = first(t[f"{a}.weight"], (4, H))
    out = {**front(t, "q.front."), **back(t), **router(t, a, b, 4, "w.linear"),
           **filters(t, "p.fir", "fir_short.filters", "fir_long.filters"),
           "kept": t["retention_param"], "heat": t["fusion_gate.log_temp"],
           "f.linear": x, "f.linear_2": s}  # fmt: skip
    return out | {"z0": out["z0"].T, "w.linear": out["w.linear"].transpose(1, 2)}


def dual_stage(t: Weights) -> Weights:
    a, c = t["id_weight"], t["ctx_weight"]
    return {**front(t), **back(t), **filters(t, "p.fir", "fir_short.filters", "fir_long.filters"),
            "u": a[:, D:].reshape(H, 3, D // H), "u0": t["id_bias"], "z0": t["ctx_bias"],
            "heat": t["tau_log"], "a.linear": a[:, :D].T, "z.linear": c[:, :D].transpose(0, 1),
            "z.linear_2": c[:, D:].reshape(H, 3, D // H, 3)}  # fmt: skip


def floored(t: Weights, near: str = "near.conv", far: str = "p.conv") -> Weights:
    return {**front(t), **back(t), **filters(t, near, "local_fir_short.filters"),
            **filters(t, far, "local_fir_long.filters"),
            **shared(t, "fusion_gate_mlp.0", "fusion_gate_mlp.2", 4, "c.linear"),
            "heat": guarded(t["logit_temperature"][0]),
            "rest": t["conv_residual_logit"]}  # fmt: skip


def gated_fusion(t: Weights) -> Weights:
    return {**floored(t, "near.fir", "p.fir"), "r0": t["res_gate_proj.bias"],
            "g0": t["out_gate_proj.bias"], "o.linear": t["res_gate_proj.weight"].T,
            "out.linear": t["out_gate_proj.weight"].T}  # fmt: skip


def hybrid(t: Weights) -> Weights:
    x1, s1 = first(t["gate1.0.weight"], (2, H))
    x2, s2 = first(t["gate_local.0.weight"], (4, 2, H))
    x3, s3 = first(t["gate_global.0.weight"], (2, 2, H))
    return {**front(t), **back(t),
            **filters(t, "near.fir", *(f"local_fir.filters.{i}" for i in range(4))),
            "f0": t["gate1.0.bias"], "n0": t["gate_local.0.bias"], "m0": t["gate_global.0.bias"],
            "y0": t["gate1.2.bias"], "c0": t["gate_local.2.bias"].reshape(H, 4),
            "g0": t["gate_global.2.bias"].reshape(H, 2), "heat": t["log_tau"],
            "y.linear_2": x1, "y.linear_3": s1.flip(0), "y.linear": t["gate1.2.weight"].T,
            "n.linear": x2, "n.linear_2": s2.transpose(0, 1),
            "m.linear": x3, "m.linear_2": s3.transpose(0, 1),
            "c.linear": map_to(t["gate_local.2.weight"], H, 4),
            "g.linear": map_to(t["gate_global.2.weight"], H, 2)}  # fmt: skip


def output_aware(t: Weights) -> Weights:
    return {**front(t), **back(t), **filters(t, "p.conv", "local_conv.weight", "mid_conv.weight"),
            **router(t, "router_mlp.0", "router_mlp.2", 4, "z.linear"),
            "size": t["stats_weight"], "z.linear_2": t["router_mlp.0.weight"].T}  # fmt: skip


def mix_anneal(t: Weights) -> Weights:
    out = {**front(t), **back(t), **filters(t, "near.fir", "fir_short.filters", "fir_long.filters"),
           "place": t["stage1_pos_scale"][:, 0], "mix": t["mix_coeff_base"]}  # fmt: skip
    stages = (("a", "gate1_mlp", "stage1", 4), ("b", "gate2_local_mlp", "stage2_local", 2),
              ("c", "gate2_global_mlp", "stage2_global", 2))  # fmt: skip
    for name, network, stage, paths in stages:
        x, s = first(t[f"{network}.0.weight"], (paths, H, D // H))
        out |= {f"{name}0": t[f"{network}.0.bias"], f"{name}1": t[f"{network}.2.bias"].view(H, 2).T,
                f"{name}.linear_2": x, f"{name}.linear_3": s,
                f"{name}.linear": map_to(t[f"{network}.2.weight"], H, 2).transpose(1, 2),
                f"{name}_2.floored.heat": t[f"{stage}_log_temp"][:, 0],
                f"{name}_2.floored.least": t[f"{stage}_eps_base"][:, 0]}  # fmt: skip
    return out


def hyena(t: Weights) -> Weights:
    return {**front(t), **back(t), **shared(t, "gate_fc1", "gate_fc2", 5, "c.linear"),
            **filters(t, "p.fir", "fir_short.filters", "fir_medium.filters", "fir_long.filters"),
            "heat": guarded(t["logit_temp"][0]), "low": t["floor_param"],
            "rest": t["residual_logit"]}  # fmt: skip


def sparse(t: Weights) -> Weights:
    bias = t["ms_gate.bias"] + t["ms_gate.proj2.bias"].reshape(H, 4)
    decays = torch.stack([t[f"dec_proj.{i}.weight"].T for i in range(3)], 1)
    return {**front(t), **back(t), "f0": t["ms_gate.proj1.bias"], "z0": bias, "e.linear": decays,
            "heat": t["ms_gate.log_tau"], "z.linear_2": t["ms_gate.proj1.weight"].T,
            "z.linear": map_to(t["ms_gate.proj2.weight"], H, 4)}  # fmt: skip


def fractal(t: Weights) -> Weights:
    pairs = [t[f"fractal_mixer.convs.{i}.weight"][:, 0].T for i in range(4)]
    places = ("y.conv", "y.conv_2", "y.conv_3", "y_2.conv")
    return {**front(t, ""), **{f"{p}.taps": w for p, w in zip(places, pairs, strict=True)},
            "turn": t["rotary_mix_logit"], "w": t["frac_gate_proj.weight"][0],
            "e0": t["frac_gate_proj.bias"][0], "out.rmsnorm.weight": t["mixer_norm.weight"],
            "o.linear": t["o_proj.weight"].T.reshape(H, D // H, D),
            "o.rmsnorm.weight": t["o_norm.weight"],
            "a.linear": t["gamma_proj.weight"].T}  # fmt: skip


def dual_scale(t: Weights) -> Weights:
    biases, maps = ([t[f"{g}_proj_token.{k}"] for g in "gh"] for k in ("bias", "weight"))
    return {**front(t, "", rate=False), **back(t), "b.linear": map_to(t["b_proj.weight"], 2, H),
            "z0": torch.stack(biases),
            "z.linear": torch.stack(maps).permute(2, 0, 1)}  # fmt: skip


def adaptive_mix(t: Weights) -> Weights:
    return {**front(t), **back(t), "m.linear": t["mix_proj.weight"].T}


def adaptive_token(t: Weights) -> Weights:
    return {**adaptive_mix(t), "m0": t["mix_bias"], "e.linear": t["dec_proj.weight"].T,
            "m.conv.taps": t["mix_conv1d.weight"][:, 0].T}  # fmt: skip


def hier_gate(t: Weights) -> Weights:
    gate = {k.removeprefix("h_gate."): v for k, v in t.items() if k.startswith("h_gate.")}
    out = {**front(t), **back(t), "short0": t["dec_proj_short.bias"],
           "long0": t["dec_proj_long.bias"], "near.linear": t["dec_proj_short.weight"].T,
           "far.linear": t["dec_proj_long.weight"].T, "f0": gate["trunk.0.bias"],
           "f.linear": gate["trunk.0.weight"].T, "coarse": guarded(gate["log_temp_coarse"]),
           "fine": guarded(gate["log_temp_fine"])}  # fmt: skip
    for name, stage in (("a", "coarse"), ("b", "local"), ("c", "global")):
        out[f"{name}0"] = gate[f"{stage}_proj.bias"].reshape(H, 2).T
        out[f"{name}.linear"] = map_to(gate[f"{stage}_proj.weight"], H, 2).transpose(1, 2)
    return out


def fusion_conv(t: Weights) -> Weights:
    return {**front(t), **back(t, "y.back."), "m.linear": t["mix_proj.weight"].T,
            "g0": t["dilated_gate_proj.bias"], "g.linear": t["dilated_gate_proj.weight"].T,
            "out.conv.taps": t["dilated_conv.weight"][:, 0].T}  # fmt: skip


def block_state(t: Weights) -> Weights:
    x, s = first(t["fusion_gate_mlp.0.weight"], (4, 2, H))
    return {**front(t), **back(t),
            **router(t, "fusion_gate_mlp.0", "fusion_gate_mlp.2", 4, "w.linear"),
            **filters(t, "p.fir", "local_fir_short.filters", "local_fir_long.filters"),
            "heat": guarded(t["gate_log_temp"]), "f.linear": x,
            "f.linear_2": s.transpose(0, 1)}  # fmt: skip


def fusion_gate_x(t: Weights) -> Weights:
    x, s = first(t["fusion_gate_mlp.0.weight"], (H, 4, 4))
    return {**front(t), **back(t),
            **router(t, "fusion_gate_mlp.0", "fusion_gate_mlp.2", 4, "w.linear"),
            **filters(t, "p.conv", "fir_short.filters", "fir_long.filters"),
            "heat": t["gate_log_tau"], "talk": t["head_mix"], "f.linear": x,
            "f.linear_2": s.permute(2, 1, 0, 3)}  # fmt: skip


def token_prune(t: Weights) -> Weights:
    x, s = first(t["fusion_gate_mlp.0.weight"], (3, H, D // H))
    return {**front(t), **back(t),
            **router(t, "fusion_gate_mlp.0", "fusion_gate_mlp.3", 4, "c.linear"),
            **filters(t, "p.fir", "local_fir_short.filters", "local_fir_long.filters"),
            "heat": guarded(t["gate_log_temp"]), "least": t["gate_eps_logit"],
            "same": t["alpha_identity"], "f.linear": x, "f.linear_2": s,
            "out.linear": map_to(t["id_proj.weight"], H, D // H)}  # fmt: skip


def stream_aware(t: Weights) -> Weights:
    r, s = first(t["fusion_gate.0.weight"], (6,))
    return {**front(t), **back(t),
            **filters(t, "p.fir", *(f"local_fir.filters.{i}" for i in range(4))),
            "r0": t["q_gate_proj.bias"], "f0": t["fusion_gate.0.bias"],
            "z0": t["fusion_gate.2.bias"], "heat": guarded(t["log_temp"]),
            "r.linear": t["q_gate_proj.weight"].T, "f.linear": r, "f.linear_2": s,
            "c.linear": t["fusion_gate.2.weight"].T}  # fmt: skip


def group_temp(t: Weights) -> Weights:
    return {**front(t), **back(t), **shared(t, "gate_fc1", "gate_fc2", 4, "w.linear"),
            **filters(t, "p.conv", "fir_short.filters", "fir_long.filters"),
            "heat": guarded(t["log_tau"], 1e-3)}  # fmt: skip


def quota(t: Weights) -> Weights:
    return {**front(t), **back(t), **filters(t, "p.conv", "fir_short.filters", "fir_long.filters"),
            **router(t, "gmix_mlp.0", "gmix_mlp.2", 4, "z.linear"), "more": t["alpha"][:, 0],
            "z.linear_2": t["gmix_mlp.0.weight"].T}  # fmt: skip


def point_mixer(t: Weights) -> Weights:
    """Of one head: of several, the published program mixes up the order of its channels."""
    x, s = first(t["fusion_gate_mlp.0.weight"], (3, 1))
    names = [f"local_conv.convs.{i}.weight" for i in range(3)]
    return {**front(t, heads=1), **back(t, heads=1), **filters(t, "n.conv", *names, heads=1),
            "f0": t["fusion_gate_mlp.0.bias"], "z0": t["fusion_gate_mlp.2.bias"][None],
            "n.linear": t["local_conv.kernel_mix.weight"].T.reshape(3, D, D),
            "p.linear": t["local_conv.channel_mixer.weight"].T.reshape(1, D, 1, D),
            "f.linear": x, "f.linear_2": s,
            "out.linear": map_to(t["fusion_gate_mlp.2.weight"], 1, 3)}  # fmt: skip


def dyn_mem(t: Weights) -> Weights:
    x, s = first(t["fusion_gate_mlp.0.weight"], (4, 2, H))
    return {**front(t, "q.front."), **back(t),
            **router(t, "fusion_gate_mlp.0", "fusion_gate_mlp.2", 3, "w.linear"),
            **filters(t, "p.fir", "local_fir_short.filters", "local_fir_long.filters"),
            "a0": t["gamma_proj.bias"], "a.linear": t["gamma_proj.weight"].T,
            "heat": guarded(t["gate_log_temp"]), "same": t["alpha_identity"],
            "f.linear": x, "f.linear_2": s.transpose(0, 1),
            "out.linear": map_to(t["id_proj.weight"], H, D // H)}  # fmt: skip


MAPS: dict[str, tuple[str, Callable[[Weights], Weights]]] = {
    "csm": ("content_sharp_router", content_sharp),
    "psfr": ("fusion_gated_fir_net", fusion_gated),
    "hsigctx": ("dual_stage_path_gate_net", dual_stage),
    "cagf_br": ("gate_floored_res_net", floored),
    "hhmr": ("hybrid_gate_flow", hybrid),
    "mor": ("output_aware_multi_scale_router", output_aware),
    "len_hgate_mixanneal": ("temp_mix_anneal_router", mix_anneal),
    "mafr": ("hyena_mafr", hyena),
    "ssg_sparsemax_temp": ("sparse_gate_delta", sparse),
    "dyn_decay_fractal_gate": ("adaptive_fractal_gate_net", fractal),
    "ndg": ("dual_scale_gate_net", dual_scale),
    "adaptive_mix_gate": ("adaptive_mix_transformer", adaptive_mix),
    "head_gate_ema": ("adaptive_token_gate", adaptive_token),
    "htgmsm": ("hier_gate_mem", hier_gate),
    "dual_path_fusion": ("fusion_conv_amg", fusion_conv),
    "bscgf": ("block_state_fusion_net", block_state),
    "headgated": ("gated_fusion_transformer", gated_fusion),
    "hefth": ("fusion_gate_x", fusion_gate_x),
    "tapr": ("token_prune_router", token_prune),
    "qsr": ("stream_aware_router", stream_aware),
    "gtmlp": ("group_temp_mlp", group_temp),
    "ms_gstat3_quota": ("quota_gated_stat_net", quota),
    "mscmix_pointwise": ("depthwise_conv_point_mixer", point_mixer),
    "udmag": ("dyn_mem_gate", dyn_mem),
}
