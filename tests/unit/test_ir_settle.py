"""`S[j]` is the value after token j, wherever the attend stands."""

from __future__ import annotations

import numpy as np
import pytest

import asiarch

ATTEND = "attend j where j < t { score: 0 * (t - j)  value: S[j] }"
PLACES = {
    "below the equation": f"S = 0.5 * S[t-1] + x\ny = {ATTEND}",
    "above the equation": f"y = {ATTEND}\nS = 0.5 * S[t-1] + x",
    "on the cycle": f"y = {ATTEND}\nS = 0.5 * S[t-1] + x + 0 * y",
}
X = np.random.default_rng(0).standard_normal((2, 7, 3))


def program(body: str) -> str:
    return f"op f[D](x: Seq[D]) -> Seq[D] where causal {{\nstate S[D]\n{body}\nreturn y\n}}"


def expected() -> np.ndarray:
    """The mean of the states before, 0 at the first token."""
    states = np.zeros_like(X)
    for t in range(X.shape[1]):
        states[:, t] = (0.5 * states[:, t - 1] if t else 0) + X[:, t]
    return np.stack(
        [states[:, :t].mean(1) if t else np.zeros_like(X[:, 0]) for t in range(X.shape[1])], 1
    )


@pytest.mark.parametrize("place", PLACES)
def test_the_reference(place: str) -> None:
    module = asiarch.compile(program(PLACES[place]), sizes={"D": 3}, backend="reference")
    np.testing.assert_allclose(module(X), expected(), atol=1e-12)


@pytest.mark.parametrize("place", ["below the equation", "above the equation"])
def test_the_module(place: str) -> None:
    torch = pytest.importorskip("torch")
    module = asiarch.compile(program(PLACES[place]), sizes={"D": 3}, dtype="float64")
    found = module(torch.from_numpy(X)).detach().numpy()
    np.testing.assert_allclose(found, expected(), atol=1e-12)


def test_a_stream_of_the_cycle_is_read_up_to_the_token() -> None:
    """What is made of the state before is known at t."""
    body = """z = 0.5 * S[t-1]
y = attend j where j <= t { score: 0 * (t - j)  value: z[j] }
S = x + y"""
    module = asiarch.compile(program(body), sizes={"D": 3}, backend="reference")
    known: list[np.ndarray] = []
    want: list[np.ndarray] = []
    state = np.zeros_like(X[:, 0])
    for t in range(X.shape[1]):
        known.append(0.5 * state)
        want.append(np.mean(known, axis=0))
        state = X[:, t] + want[-1]
    np.testing.assert_allclose(module(X), np.stack(want, 1), atol=1e-12)


def test_a_state_that_is_an_input() -> None:
    """Its equation stands outside of its cycle."""
    text = program("y = S[t-1]\nS = x")
    want = np.concatenate([np.zeros_like(X[:, :1]), X[:, :-1]], 1)
    module = asiarch.compile(text, sizes={"D": 3}, backend="reference")
    np.testing.assert_allclose(module(X), want, atol=1e-12)
