"""What behaves alike is suspected, beyond what the identity knows; what does not is not."""

from __future__ import annotations

import random

import pytest

from asiarch.fuzz.respell import respelled
from asiarch.search.fingerprint import fingerprint
from asiarch.search.identity import identify
from asiarch.search.library import entries, function_of

MIXER = """op mixer[D, H, K = D / H](x: Seq[D]) -> Seq[D] where causal {
  a = sigmoid(linear[H](x))
  k = linear[H, K](x)
  state S[H, K]
  S = a * S[t-1] + (1 - a) * tanh(k)
  return linear[H, K -> D](S)
}
"""


def same_hash(a: str, b: str) -> bool:
    return len({identify(function_of(t, "mixer")).digest for t in (a, b)}) == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [("(1 - a)", "sigmoid(-linear[H](x))"), ("tanh(k)", "(2 * sigmoid(2 * k) - 1)"),
     ("sigmoid(linear[H](x))", "exp(logsigmoid(linear[H](x)))")],
)  # fmt: skip
def test_what_algebra_does_not_know_is_suspected(old: str, new: str) -> None:
    other = MIXER.replace(old, new)
    if old == "(1 - a)":  # the same weight, not a second one
        other = other.replace("a = sigmoid(linear[H](x))", "z = linear[H](x)\n  a = sigmoid(z)")
        other = other.replace("sigmoid(-linear[H](x))", "sigmoid(-z)")
    assert not same_hash(other, MIXER)
    assert fingerprint(other, "mixer").alike(fingerprint(MIXER, "mixer"))


@pytest.mark.parametrize(
    ("old", "new"),
    [("(1 - a) *", ""), ("tanh(k)", "k"), ("S[t-1]", "S[t-2]"), ("linear[H, K](x)", "x_"),
     ("state S[H, K]", "state S[H, K] = 1")],
)  # fmt: skip
def test_near_misses_are_not(old: str, new: str) -> None:
    other = MIXER.replace(old, new).replace("x_", "split[D -> H, K](x)")
    assert not fingerprint(other, "mixer").alike(fingerprint(MIXER, "mixer"))


@pytest.mark.parametrize("name", ["delta_net.delta_net", "xlstm.mlstm", "attention.sinks"])
def test_respelled_programs_are_alike_and_others_are_not(name: str) -> None:
    entry = next(e for e in entries() if e.name == name)
    mine = fingerprint(entry.text, entry.op)
    for seed in range(2):
        assert mine.alike(fingerprint(respelled(entry.text, random.Random(seed)), entry.op))
    assert not mine.alike(fingerprint(MIXER, "mixer"))
