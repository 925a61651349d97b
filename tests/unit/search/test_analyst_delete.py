"""Deletions are programs: they check, they are causal, and they lack what was taken."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

import pytest

from asiarch.analysis.report import check
from asiarch.interface import elaborate
from asiarch.language.parser import parse
from asiarch.search.analyst.components import NEUTRAL, components, swapped
from asiarch.search.analyst.delete import alone, deletions, reachable
from asiarch.search.analyst.graft import HOSTS, NoGraft, grafted, grafts

LIBRARY = files("asiarch.library")
PANEL = (LIBRARY / "panel.asi").read_text()
GATED = """
op cell[D, H, K = D / H, V = D / H](x: Seq[D]) -> Seq[D] where causal, stable, a in (0, 1] {
  q = x |> linear[H, K] |> conv[4] |> silu |> l2norm[K]
  k = x |> linear[H, K] |> l2norm[K]
  v = linear[H, V](x + x[t-1])
  b = x |> linear[H] |> sigmoid
  param bias[H] ~ const(1)
  a = sigmoid(linear[H](x) + bias)
  state S[H, K, V]
  S = a * S[t-1] + b * k * (v - k @ (a * S[t-1]))
  return linear[H, V -> D](rmsnorm[V](q @ S) * silu(linear[H, V](x)))
}
"""


def mixers() -> list[tuple[str, str]]:
    """(file, op) of every op of the library from a stream to a stream of the same width."""
    found: list[tuple[str, str]] = []
    folders = (LIBRARY, LIBRARY / "asi_arch")
    for path in sorted((p for f in folders for p in f.iterdir()), key=lambda p: p.name):
        if not path.name.endswith(".asi") or path.name == "prelude.asi":
            continue
        for d in parse(path.read_text()).program.definitions:
            types = [f.type for f in d.formals]
            if d.kind == "op" and len(types) == 1 and len(d.results) == 1:
                axes = [t.axes for t in (*types, *d.results) if t is not None and t.axes]
                if len(axes) == 2 and len(axes[0]) == 1 and axes[0][0].id == axes[1][0].id:
                    found.append((str(path), d.name.id))
    return found


def made(text: str, op: str) -> dict[tuple[str, str], str]:
    return {(d.component.kind, d.component.what): d.text for d in deletions(text, op)}


def test_every_deletion_of_the_library_checks_and_is_causal() -> None:
    """A third of the mixers; `ALL=1` takes all of them."""
    ops = mixers()
    assert len(ops) > 95
    ops = ops if os.environ.get("ALL") else ops[1::3]
    kinds: set[str] = set()
    count = 0
    for file, op in ops:
        text = Path(file).read_text()
        for d in deletions(text, op, file):  # each is checked there, with its causality
            kinds.add(d.component.kind)
            count += 1
            assert d.text != alone(text, op)
            assert d.component.kind in NEUTRAL
    assert count > 200
    assert kinds == set(NEUTRAL)


@pytest.mark.parametrize("op", ["gdn_mixer", "lin_mixer", "scalar_mixer"])
def test_deletions_compile(op: str) -> None:
    for d in deletions(PANEL, op):
        assert check(d.text).ops[op].causal, d.label
        assert elaborate(d.text, op, {"D": 16}).outputs


def test_what_each_kind_takes_away() -> None:
    found = made(GATED, "cell")
    for (kind, _), text in found.items():
        assert kind in NEUTRAL
        assert "stable" not in text
        assert "where causal {" in text
    decay = found["decay", "a"]
    assert "S = S[t-1] + b * k * (v - k @ (S[t-1]))" in decay
    assert "bias" not in decay  # what only the decay read is gone
    erase = found["erase", "k @ (a * S[t-1])"]
    assert "S = a * S[t-1] + b * k * (v)" in erase
    assert "linear[H, V](x + x)" in found["shift", "x[t-1]"]
    gate = found["gate", "silu(linear[H, V](x))"]
    assert "return linear[H, V -> D](rmsnorm[V](q @ S))" in gate
    assert "a * S[t-1] + k * (v" in found["gate", "b"]
    assert "q = x |> linear[H, K] |> silu |> l2norm[K]" in found["conv", "conv[4]"]
    assert "l2norm" not in found["norm", "all 3"]
    assert not any(kind == "erase" and "b * k" in what for kind, what in found)


def test_a_read_before_the_write_moves_behind_it() -> None:
    text = """
op cell[D, K](x: Seq[D]) -> Seq[D] where causal {
  k = linear[K](x)
  state S[K, D]
  S = S[t-1] + k * x
  return k @ S[t-1]
}
"""
    assert "return k @ S\n" in made(text, "cell")["read point", "S[t-1]"]


def test_a_branch_of_a_result_is_taken_out() -> None:
    found = made((LIBRARY / "mamba2.asi").read_text(), "mamba2")
    assert "y = C @ S\n" in found["branch", "skip * u"]
    without = found["branch", "C @ S"]  # no memory is left
    assert "state" not in without
    assert ("branch", "bias") not in found


def test_the_pieces_of_a_state_cycle_in_a_gate_are_no_decay() -> None:
    sru = made((LIBRARY / "light_rnn.asi").read_text(), "sru")
    assert ("decay", "f") in sru
    assert ("decay", "vf") not in sru


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("rmsnorm[D](l2norm[D](x + 1))", "x + 1"),
        ("2 * rmsnorm[D](l2norm[D](x + 1))", "2 * (x + 1)"),
        ("2 * rmsnorm[D](x |> l2norm[D])", "2 * (x)"),
        ("2 * rmsnorm[D](l2norm[D](x |> tanh))", "2 * (x |> tanh)"),
    ],
)
def test_nested_swaps_are_made_together(before: str, after: str) -> None:
    text = "op f[D](x: Seq[D]) -> Seq[D] where causal {{\n  return {}\n}}\n"
    definition = parse(text.format(before)).program.definitions[0]
    both = next(c for c in components(text.format(before), definition) if c.what == "all 2")
    assert swapped(text.format(before), both.swaps) == text.format(after)


def test_helpers_are_searched_and_strangers_are_not() -> None:
    text = (LIBRARY / "gla.asi").read_text()
    assert [d.name.id for d in reachable(parse(text).program, "gla")] == ["gla", "gla_core"]
    assert ("decay", "a") in made(text, "gla")
    assert "op swa_mixer" not in alone(PANEL, "gdn_mixer")


def test_what_does_not_check_is_refused() -> None:
    with pytest.raises(ValueError, match="does not check"):
        deletions("op f[D](x: Seq[D]) -> Seq[D] where causal { return y }", "f")
    with pytest.raises(ValueError, match="no `g`"):
        deletions(GATED, "g")


HOST_NAMES = ("softmax_mixer", "swa_mixer", "lin_mixer", "linc_mixer", "delta_mixer", "gla_mixer")


@pytest.mark.parametrize(
    ("kind", "what"),
    [("decay", "a"), ("conv", "all 3"), ("norm", "all 3"), ("gate", "b"),
     ("erase", "k @ (a * S[t-1])")],
)  # fmt: skip
def test_components_are_grafted_on_three_hosts(kind: str, what: str) -> None:
    text = alone(PANEL, "gdn_mixer")
    definition = parse(text).program.definitions[0]
    component = next(c for c in components(text, definition) if (c.kind, c.what) == (kind, what))
    done, refused = grafts(text, component, {n: (PANEL, n) for n in HOST_NAMES})
    assert len(done) >= HOSTS
    assert len(done) + len(refused) == len(HOST_NAMES)
    for graft in done:
        assert check(graft.text).ops[graft.host].causal
        assert graft.text != alone(PANEL, graft.host)


def test_a_decay_brings_its_parameters_and_new_names() -> None:
    host = PANEL.replace("k = x |> linear[H, K] |> elu1", "a = x |> linear[H, K] |> elu1\n  k = a")
    text = alone(PANEL, "gdn_mixer")
    component = next(c for c in components(text, parse(text).program.definitions[0])
                     if c.kind == "decay")  # fmt: skip
    new = grafted(text, component, host, "lin_mixer")
    assert "ag = exp(-exp(log_rate) * softplus(linear[H](x) + bias))" in new
    assert "S = (ag * S[t-1]) + k * v" in new


def test_what_cannot_be_moved_says_why() -> None:
    text = (LIBRARY / "gla.asi").read_text()
    core = parse(text).program.definitions[0]
    decay = next(c for c in components(text, core) if c.kind == "decay")
    with pytest.raises(NoGraft, match="inside"):
        grafted(text, decay, PANEL, "linc_mixer")
    text = alone(PANEL, "gdn_mixer")
    erase = next(c for c in components(text, parse(text).program.definitions[0])
                 if c.kind == "erase")  # fmt: skip
    with pytest.raises(NoGraft, match="erases already"):
        grafted(text, erase, PANEL, "delta_mixer")


def test_a_factor_that_carries_an_axis_stays() -> None:
    """Without it the result has another type: a component, but no deletion."""
    text = "op f[D](x: Seq[D]) -> Seq[D] where causal {\n  return sum[D](x) * sigmoid(x)\n}\n"
    assert [c.kind for c in components(text, parse(text).program.definitions[0])] == ["gate"]
    assert deletions(text, "f") == []
