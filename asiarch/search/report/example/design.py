"""The programs of the made-up search: a mixer by its genes, and what each gene would bring."""

from __future__ import annotations

from collections.abc import Mapping

from asiarch.search.report.data import NULL

GENES: dict[str, tuple[str, ...]] = {
    "rule": ("sum", "scalar", "diagonal", "delta", "gated_delta"),
    "gate": ("none", "sigmoid", "silu"),
    "norm": ("none", "l2", "rms"),
    "conv": ("none", "short"),
    "read": ("after", "before"),
    "scale": tuple(str(i) for i in range(12)),
}
UPDATES = {
    "sum": ("S[t-1] + k * v", "none"),
    "scalar": ("a * S[t-1] + k * v", "scalar"),
    "diagonal": ("a * S[t-1] + k * v", "diagonal"),
    "delta": ("S[t-1] + b * k * (v - k @ S[t-1])", "householder"),
    "gated_delta": ("a * S[t-1] + b * k * (v - k @ (a * S[t-1]))", "householder"),
}
GAINS = {
    "sum": -0.09,
    "scalar": -0.03,
    "diagonal": -0.02,
    "delta": 0.0,
    "gated_delta": 0.03,
    "sigmoid": 0.006,
    "silu": 0.012,
    "l2": 0.01,
    "rms": 0.026,
    "short": 0.03,
    "before": -0.015,
}
PANEL: dict[str, Mapping[str, str]] = {
    "linear_attention": {"rule": "sum"},
    "retention": {"rule": "scalar"},
    "mamba2": {"rule": "scalar", "conv": "short", "gate": "silu"},
    "gla": {"rule": "diagonal", "gate": "silu"},
    "hgrn2": {"rule": "diagonal", "gate": "sigmoid"},
    "delta_net": {"rule": "delta", "conv": "short", "norm": "l2"},
    "gated_delta_net": {"rule": "gated_delta", "conv": "short", "norm": "l2", "gate": "silu"},
    "no_memory": {"rule": "sum", "read": "before"},
}
ARMS = ("full", "evolution", "random", NULL)
TASKS = ("update", "mqar", "bytes")
REASONS = (("T0a", "duplicate", 9), ("T0a", "cost", 4), ("T0a", "causal", 1), ("T0b", "law", 1),
           ("T1", "nan", 2), ("T1", "timeout", 1), ("T1", "effect", 0))  # fmt: skip
SIGMA, GRID = 0.02, (2e-3, 5e-3, 1.2e-2)


def program(genes: Mapping[str, str]) -> str:
    """The text of a mixer."""
    rule = genes["rule"]
    conv = " |> conv[4] |> silu" if genes["conv"] == "short" else ""
    norm = {"none": "", "l2": " |> l2norm[K]", "rms": " |> rmsnorm[K]"}[genes["norm"]]
    lines = [
        f"q = x |> linear[H, K]{conv}{norm}",
        f"k = x |> linear[H, K]{conv}{norm}",
        f"v = x |> linear[H, V]{conv}",
    ]
    if "delta" in rule:
        lines.append("b = x |> linear[H] |> sigmoid")
    if rule in ("scalar", "gated_delta"):
        lines.append("a = sigmoid(linear[H](x) + 4)")
    if rule == "diagonal":
        lines.append("a = sigmoid(linear[H, K](x) + 4)")
    lines += ["", "state S[H, K, V]", f"S = {UPDATES[rule][0]}"]
    read = "S" if genes["read"] == "after" else "S[t-1]"
    lines.append(f"o = {1 + int(genes['scale']) / 8:g} * q @ {read}  # what the state answers")
    out = "rmsnorm[V](o)"
    if genes["gate"] != "none":
        out += f" * {genes['gate']}(linear[H, V](x))"
    body = "".join(
        f"  {line}\n" if line else "\n" for line in [*lines, "", f"return linear[H, V -> D]({out})"]
    )
    return f"op mixer[D, H, K = D / H, V = D / H](x: Seq[D]) -> Seq[D] where causal {{\n{body}}}\n"


def niche(genes: Mapping[str, str]) -> dict[str, str]:
    return {
        "state": "matrix",
        "transition": UPDATES[genes["rule"]][1],
        "gating": genes["gate"],
        "attention": "none",
        "conv": genes["conv"],
        "read": genes["read"],
    }
