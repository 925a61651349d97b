"""The class, the plan and the numbers of a core do not depend on how its algebra is written."""

from __future__ import annotations

import random
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import pytest
import torch

import asiarch
from asiarch.codegen.parameters import initial_values
from asiarch.codegen.reference import Reference
from asiarch.interface import elaborate
from asiarch.ir.flatten import flatten
from asiarch.ir.function import Function
from asiarch.ir.recurrence import recurrences
from asiarch.language.diagnostics import SpecError

from .algebra import REWRITINGS, Core, read
from .canonical import canonical

SSD = """
op ssd_core[H, N, P](C: Seq[N], B: Seq[N], u: Seq[H, P], dt: Seq[H]) -> Seq[H, P] {
  param log_a[H] ~ const(0.3)
  state S[H, N, P]
  S = exp(-exp(log_a) * dt) * S[t-1] + dt * B * u
  return C @ S
}
"""

BONUS = """
op bonus_core[H, K, V](r: Seq[H, K], k: Seq[H, K], v: Seq[H, V], a: Seq[H, K]) -> Seq[H, V] {
  param u[H, K] ~ const(0.5)
  state S[H, K, V]
  S = a * S[t-1] + k * v
  return r @ (S[t-1] + u * k * v)
}
"""

OUTSIDE = {"rwkv6"}
"""Cores that add something beside the state's read: that sum is computed as it is written."""

SLOTS = """
op slots_core[H, M, K](q: Seq[H, K], k: Seq[H, K], s: Seq[H, M], f: Seq[H, M]) -> Seq[H, M] {
  state A[H, M, K]
  A = f * A[t-1] + s * k
  return A @ q
}
"""

S6 = """
op s6_core[P, N](u: Seq[P], dt: Seq[P], B: Seq[N], C: Seq[N]) -> Seq[P] {
  param log_a[P, N] ~ const(0.3)
  state h[P, N]
  h = exp(-exp(log_a) * dt) * h[t-1] + dt * u * B
  return h @ C
}
"""

PRODUCT = """
op product_core[H, K, V](
  q: Seq[H, K], k: Seq[H, K], p: Seq[H, K], v: Seq[H, V], a: Seq[H], b: Seq[H]
) -> Seq[H, V] {
  state S[H, K, V]
  S = a * S[t-1] + b * k * (v - k @ (a * S[t-1]))
  S = S + p * (v - p @ S)
  return q @ S
}
"""

MOMENTUM = """
op momentum_core[H, K, V](
  q: Seq[H, K], k: Seq[H, K], v: Seq[H, V], a: Seq[H], g: Seq[H], b: Seq[H]
) -> Seq[H, V] {
  state S[H, K, V]
  state M[H, K, V]
  M = g * M[t-1] + b * k * (v - k @ S[t-1])
  S = a * S[t-1] + M
  return q @ S
}
"""

SIZES = {"H": 2, "K": 3, "V": 5, "N": 3, "P": 5, "M": 4}
TIME = 19
AT_LEAST = 30


def _from_examples(file: str) -> str:
    text = resources.files("asiarch.grammar").joinpath(f"examples/{file}.asi").read_text("utf-8")
    return text.split("\n\n")[0]


TEXTS = {
    "gated_delta_net": ("scalar+rank1", _from_examples("gated_delta_net")),
    "kda": ("diagonal+rank1", _from_examples("kda")),
    "delta_net": ("identity+rank1", _from_examples("delta_net")),
    "gla": ("diagonal", _from_examples("gla")),
    "mamba2": ("scalar", SSD),
    "linear_attention": ("identity", _from_examples("linear_attention")),
    "rwkv6": ("diagonal", BONUS),
    "slots": ("diagonal", SLOTS),
    "s6": ("elementwise", S6),
    "product": ("scalar+rankN", PRODUCT),
    "momentum": ("momentum", MOMENTUM),
}


def sizes(core: Core) -> dict[str, int]:
    """Renamed axes end in the letter that they had."""
    return {axis: SIZES[axis[-1]] for axis in core.header}


def flat(core: Core) -> Function:
    """Raises SpecError where the spelling breaks a typing rule."""
    return flatten(elaborate(core.text(), core.name, sizes(core)))


def streams(core: Core) -> list[Any]:
    rng = np.random.default_rng(0)
    return [rng.random((2, TIME, *(sizes(core)[a] for a in axes))) for _, axes in core.inputs]


@cache
def original(name: str) -> tuple[Core, str, Any, Any]:
    """The core, its plan, the reference's outputs and the module's."""
    core = read(TEXTS[name][1])
    return core, canonical(flat(core)), reference(core), compiled(core)


def reference(core: Core) -> Any:
    function = flat(core)
    return Reference(function, initial_values(function, 0))(*streams(core))


def compiled(core: Core) -> torch.Tensor:
    module = asiarch.compile(core.text(), core.name, sizes(core), chunk=8)
    given = [torch.tensor(x, dtype=torch.float32) for x in streams(core)]
    with torch.no_grad():
        return module(*given)


def accepted(core: Core | None) -> bool:
    """Does the spelling keep to the typing rules? `(k * v) @ S` has no last axis to contract."""
    try:
        return core is not None and bool(flat(core))
    except SpecError:
        return False


def by_rule(core: Core) -> dict[str, Core]:
    """Every rewriting by itself, at two places; those that undo others after one that they undo."""
    found: dict[str, Core] = {}
    for name, rewriting in REWRITINGS.items():
        for seed in range(8):
            rng = random.Random(seed)
            for first in ("", "distribute", "negate_twice", "name_a_piece"):
                start = REWRITINGS[first](core, rng) if first else core
                new = rewriting(start, rng) if start is not None else None
                texts = {c.text() for c in found.values()}
                if new is not None and accepted(new) and new.text() not in texts:
                    found[f"{name} {seed} {first}".strip()] = new
                    break
            if sum(label.startswith(f"{name} ") for label in found) == 2:
                break
    return found


def by_many(core: Core, count: int = 14) -> dict[str, Core]:
    """Two to eight rewritings, one after the other."""
    found: dict[str, Core] = {}
    for seed in range(count):
        rng, used = random.Random(f"{core.name} {seed}"), list[str]()
        made = core
        for _ in range(rng.randint(2, 8)):
            name = rng.choice(list(REWRITINGS))
            new = REWRITINGS[name](made, rng)
            if new is not None and accepted(new):
                made = new
                used.append(name)
        found[", ".join(used)] = made
    return found


def differences(name: str, rewritten: dict[str, Core]) -> list[str]:
    """What differs from the original, for each rewriting; the spellings are shown."""
    _, plan, meaning, numbers = original(name)
    wrong: list[str] = []
    for label, core in rewritten.items():
        said = f"{label}:\n{core.text()}"
        gap = np.abs(reference(core) - meaning).max()
        if gap > 1e-12 * np.abs(meaning).max():
            wrong.append(f"the rewriting is no identity ({gap:.3g}): {said}")
        elif (found := canonical(flat(core))) != plan:
            wrong.append(f"another plan: {found}\n{said}")
        elif name in OUTSIDE:
            assert torch.allclose(compiled(core), numbers, rtol=1e-5, atol=1e-6)
        elif not torch.equal(compiled(core), numbers):
            wrong.append(f"other numbers: {said}")
    return wrong


@pytest.mark.parametrize("name", TEXTS)
def test_every_rewriting_leaves_class_plan_and_bits(name: str) -> None:
    core = original(name)[0]
    rewritten = by_rule(core)
    print(f"{name}: {len(rewritten)} spellings by {len(REWRITINGS)} rules")
    assert len({c.text() for c in rewritten.values()} - {core.text()}) >= AT_LEAST
    wrong = differences(name, rewritten)
    assert not wrong, "\n\n".join(wrong)


@pytest.mark.parametrize("name", TEXTS)
def test_rewritings_on_top_of_each_other(name: str) -> None:
    wrong = differences(name, by_many(original(name)[0]))
    assert not wrong, "\n\n".join(wrong)


@pytest.mark.parametrize("name", TEXTS)
def test_the_class_is_the_one_of_the_literature(name: str) -> None:
    found = recurrences(flat(original(name)[0]))
    assert {r.cls for r in found} == {TEXTS[name][0]}
    assert all(r.kernel for r in found)


# -- near misses: one token away, and something else -----------------------------------------------

UPDATE = "a * S[t-1] + b * k * (v - k @ (a * S[t-1]))"

NEAR = [
    ("another key reads", "gated_delta_net", "k @ (a", "q @ (a", None),
    ("the erase term reads the undecayed state", "gated_delta_net", "k @ (a * S[t-1])",
     "k @ S[t-1]", None),
    ("the write is decayed too", "gated_delta_net", UPDATE,
     "a * (S[t-1] + b * k * (v - k @ S[t-1]))", None),
    ("no rate", "gated_delta_net", "b * k * (v", "k * (v", None),
    ("no erase term", "gated_delta_net", " - k @ (a * S[t-1])", "", "scalar"),
    ("no decay", "gated_delta_net", UPDATE, "S[t-1] + b * k * (v - k @ S[t-1])", "identity+rank1"),
    ("the sign of the erase term", "gated_delta_net", "(v - k @", "(v + k @", None),
    ("the state before the token is read", "gated_delta_net", "return q @ S",
     "return q @ S[t-1]", None),
    ("the erase term reads what was written", "gated_delta_net", f"  S = {UPDATE}",
     "  S = a * S[t-1] + b * k * v\n  S = S - b * k * (k @ S)", None),
    ("a decay for every key", "delta_net", "S = S[t-1]", "S = b * S[t-1]", "scalar+rank1"),
    ("another key reads", "kda", "k @ (a", "q @ (a", None),
    ("the erase term reads the undecayed state", "kda", "k @ (a * S[t-1])", "k @ S[t-1]", None),
    ("the key is decayed where it writes", "kda", "b * k * (v", "b * (a * k) * (v", None),
    ("the write is decayed too", "gla", "a * S[t-1] + k * v", "a * (S[t-1] + k * v)", None),
    ("a complement on the write", "gla", "+ k * v", "+ (1 - a) * k * v", None),
    ("a square on the state", "gla", "a * S[t-1]", "a * S[t-1] * S[t-1]", "nonlinear"),
    ("the rate squared", "mamba2", "dt * B * u", "dt * dt * B * u", None),
    ("a constant for the decay", "mamba2", "exp(-exp(log_a) * dt) * S[t-1]", "S[t-1]", "identity"),
    ("the keys twice", "linear_attention", "S[t-1] + k * v", "S[t-1] + k * k * v", None),
    ("the decay on the other side", "slots", "f * A[t-1]", "s * A[t-1]", "diagonal"),
    ("a number for the decay", "s6", "exp(-exp(log_a) * dt) * h[t-1]", "exp(-dt) * h[t-1]",
     "diagonal"),
    ("the factors in the other order", "product", "S = S + p * (v - p @ S)",
     "S = S + p * (v - p @ (S - k * (k @ S)))", "scalar+rankN"),
    ("both factors read the state before", "product", "  S = S + p * (v - p @ S)",
     "  S = S + p * (v - p @ S[t-1])", "scalar+rankN"),
    ("the erase term reads the momentum", "momentum", "k @ S[t-1]", "k @ M[t-1]", None),
    ("no momentum", "momentum", "g * M[t-1] + b", "b", None),
    ("the bonus beside the state after the token", "rwkv6", "S[t-1] + u", "S + u", None),
]  # fmt: skip


@pytest.mark.parametrize("near", NEAR, ids=lambda n: f"{n[1]}: {n[0]}")
def test_a_near_miss_is_something_else(near: tuple[str, str, str, str, str | None]) -> None:
    _, name, old, new, expected = near
    core, plan, *_ = original(name)
    text = TEXTS[name][1].replace(old, new, 1)
    assert text != TEXTS[name][1]
    function = flatten(elaborate(text, core.name, sizes(core)))
    assert canonical(function) != plan
    if expected is not None:
        assert {r.cls for r in recurrences(function)} == {expected}
    module = asiarch.compile(text, core.name, sizes(core), chunk=8, dtype="float64")
    given = [x / 2 for x in streams(core)]
    with torch.no_grad():
        ours = module(*map(torch.from_numpy, given)).numpy()
    truth = Reference(function, initial_values(function, 0))(*given)
    assert np.abs(ours - truth).max() <= 1e-12 * np.abs(truth).max()
    original_function = flat(core)
    meant = Reference(original_function, initial_values(original_function, 0))(*given)
    assert np.abs(truth - meant).max() > 1e-3 * np.abs(meant).max()


def test_the_state_after_the_token_cannot_be_read_above_its_equation() -> None:
    text = TEXTS["delta_net"][1].replace("k @ S[t-1]", "k @ S")
    with pytest.raises(SpecError) as refused:
        elaborate(text, "delta_core", {"H": 2, "K": 3, "V": 5})
    assert "S[t-1]" in str(refused.value)


def test_a_plan_that_depends_on_the_spelling_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    core = original("delta_net")[0]
    rewritten = {"over_one": read(core.text().replace("q @ S", "q @ (S / 1)"))}
    assert not differences("delta_net", rewritten)
    monkeypatch.setattr("asiarch.ir.recurrence.normal_reads", lambda function: function)
    (wrong,) = differences("delta_net", rewritten)
    assert wrong.startswith("another plan")
