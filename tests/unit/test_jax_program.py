"""What `compile(..., backend="jax")` gives: parameters, transformations, states, errors."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import asiarch
from asiarch.interface import BackendError, emit, parameters_of

jax = pytest.importorskip("jax")
jnp = jax.numpy

MIXER = """
op mixer[D, H, K = D / H, V = D / H](x: Seq[D]) -> Seq[D] where causal, a in [0, 1] {
  q = linear[H, K](rmsnorm[D](x) |> conv[3] |> silu)
  k = l2norm[K](linear[H, K](x))
  v = gelu(linear[H, V](x))
  a = sigmoid(linear[H](x))
  state S[H, K, V]
  S = a * S[t-1] + k * (v - k @ S[t-1])
  o = attend j where j <= t { score: q[t] @ k[j]  value: v[j] }
  return linear[H, V -> D](q @ S + o)
}

model tiny[D = 8, H = 2, L = 2, vocab = 11] where causal {
  x = embed[D](tokens)
  for layer in L { x = x + mixer[H = H](layernorm[D](x)) }
  return unembed[vocab](x)
}
"""

NOISY = """
op noisy[D](x: Seq[D]) -> Seq[D] where causal {
  h = dropout[0.5](x)
  loss anneal(0.5, 0.25, 10) * sum[D](mean[time](h * h))
  return h * anneal(2, 1, 10)
}
"""


def compiled(**more: Any) -> Any:
    return asiarch.compile(MIXER, "tiny", backend="jax", chunk=4, **more)


def ids(batch: int, time: int) -> Any:
    return np.random.default_rng(0).integers(0, 11, (batch, time))


@pytest.fixture
def doubles() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


# -- parameters ------------------------------------------------------------------------------------


def test_equal_seeds_give_equal_parameters_in_every_backend() -> None:
    ours, theirs = compiled(seed=5), asiarch.compile(MIXER, "tiny", seed=5)
    state = theirs.state_dict()
    assert sorted(ours.params) == sorted(state)
    for path, value in ours.init().items():
        assert value.dtype == jnp.float32
        np.testing.assert_array_equal(value, state[path].numpy())
    other = compiled(seed=0)
    for key in (5, jax.random.key(5), jax.random.PRNGKey(5)):
        made = other.init(key)
        assert all((made[path] == value).all() for path, value in ours.params.items())
    traced = jax.jit(other.init)(jax.random.key(5))
    assert all((traced[path] == value).all() for path, value in ours.params.items())
    several = jax.vmap(other.init)(jax.random.split(jax.random.key(0), 2))
    assert all(x.shape == (2, *ours.params[p].shape) for p, x in several.items())


def test_parameters_are_copied_between_any_two_backends() -> None:
    backends = ("torch", "jax", "reference")
    for source in backends:
        for target in backends:
            one = asiarch.compile(MIXER, "tiny", backend=source, seed=1)
            two = asiarch.compile(MIXER, "tiny", backend=target, seed=2)
            asiarch.copy_parameters(one, two)
            known = parameters_of(two)
            for path, value in parameters_of(one).items():
                np.testing.assert_allclose(known[path], value, rtol=1e-6)
    with pytest.raises(ValueError, match="parameters differ"):
        asiarch.copy_parameters(asiarch.compile(NOISY, sizes={"D": 2}, backend="jax"), compiled())


def test_the_emitted_text_draws_parameters_of_the_same_shapes(tmp_path: Path) -> None:
    """The file imports jax alone, and draws from its own key."""
    file = tmp_path / "tiny.py"
    file.write_text(emit(MIXER, "tiny", backend="jax"))
    shapes = {p: x.shape for p, x in compiled().params.items()}
    program = f"""
import jax, sys
sys.path.insert(0, {str(tmp_path)!r})
import tiny
params = jax.eval_shape(tiny.init, jax.random.key(0))
ids = jax.ShapeDtypeStruct((1, 5), int)
out = jax.eval_shape(tiny.apply, params, ids)
print(out.shape, 'torch' in sys.modules, 'asiarch' in sys.modules)
print({{p: x.shape for p, x in params.items()}} == {shapes!r})
"""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True,
        env=environment, cwd=tmp_path,
    )  # fmt: skip
    assert done.stdout.splitlines() == ["(1, 5, 11) False False", "True"], done.stderr


def test_the_emitted_text_is_clean(tmp_path: Path) -> None:
    file = tmp_path / "tiny.py"
    file.write_text(emit(MIXER, "tiny", backend="jax"))
    options = ["--isolated", "--line-length", "120", "--select", "E,F,I,UP,B"]
    ruff = [sys.executable, "-m", "ruff", "check", *options, str(file)]
    done = subprocess.run(ruff, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


# -- transformations -------------------------------------------------------------------------------


def test_jit_grad_and_vmap(doubles: None) -> None:
    """Gradients equal torch's; a mapped call equals a loop."""
    sizes = {"L": 1}
    module = compiled(dtype="float64", sizes=sizes)
    theirs = asiarch.compile(MIXER, "tiny", sizes, dtype="float64")
    given = ids(2, 7)

    def loss(params: Any, given: Any) -> Any:
        return (module.apply(params, given) ** 2).mean()

    value, grads = jax.jit(jax.value_and_grad(loss))(module.params, given)
    total = (theirs(torch.from_numpy(given)) ** 2).mean()
    total.backward()
    np.testing.assert_allclose(value, total.item(), rtol=1e-12)
    for path, parameter in theirs.named_parameters():
        scale = float(parameter.grad.abs().max())
        np.testing.assert_allclose(grads[path], parameter.grad.numpy(), atol=1e-12 * scale)
    mapped = jax.jit(jax.vmap(lambda x: module(x[None])[0]))(given)
    np.testing.assert_allclose(mapped, theirs(torch.from_numpy(given)).detach(), atol=1e-13)


def test_a_prefix_keeps_its_bits() -> None:
    module, given = compiled(sizes={"L": 1}), ids(1, 13)
    run = jax.jit(module.apply)
    whole = run(module.params, given)
    for cut in (1, 4, 5, 12):
        changed = np.where(np.arange(13) < cut, given, (given + 3) % 11)
        assert (run(module.params, changed)[:, :cut] == whole[:, :cut]).all()
        assert (run(module.params, changed) != whole).any()


# -- states ----------------------------------------------------------------------------------------


def test_a_state_of_a_length_decodes_in_one_compilation() -> None:
    """`lax.scan` over `step` after a prompt: shapes and types stay as they are, and past the length
    comes NaN.
    """
    module, given = compiled(sizes={"L": 1}), ids(2, 9)

    def token(state: Any, ids: Any) -> Any:
        out, state = module.step(module.params, ids, state=state)
        return state, out

    def run(given: Any) -> Any:
        start = module.initial_state(module.params, 2, length=8)
        prompt, state = module.apply(module.params, given[:, :3], state=start, return_state=True)
        assert jax.tree.map(jnp.shape, state) == jax.tree.map(jnp.shape, start)
        _, out = jax.lax.scan(token, state, jnp.concatenate([given, given[:, :1]], 1).T[3:])
        both = jnp.concatenate([prompt, out.swapaxes(0, 1)], 1)
        return both, module(given)

    out, whole = jax.jit(run)(given)
    np.testing.assert_allclose(out[:, :9], whole, atol=1e-5)
    assert jnp.isnan(out[:, 9]).all()
    module = compiled(dtype="bfloat16", sizes={"L": 1})
    assert {x.dtype for x in jax.eval_shape(lambda x: run(x), given)} == {jnp.dtype("bfloat16")}


SUMS = """
op sums[D](x: Seq[D]) -> Seq[D] where causal {
  state s[D]
  s = tanh(s[t-1] + x)
  return s
}
"""


def test_packed_rows_by_their_cuts() -> None:
    module = asiarch.compile(SUMS, sizes={"D": 2}, backend="jax")
    x = np.random.default_rng(0).standard_normal((1, 9, 2)).astype(np.float32)
    packed = module(x, cu_seqlens=np.array([0, 4, 4, 9]))
    parts = [module(x[:, :4]), module(x[:, 4:])]
    np.testing.assert_array_equal(packed, jnp.concatenate(parts, 1))
    by_name = module.apply(module.params, x=x, segment_ids=np.array([3] * 4 + [1] * 5))
    np.testing.assert_array_equal(packed, by_name)


def test_training_draws_and_losses() -> None:
    module = asiarch.compile(NOISY, sizes={"D": 50}, backend="jax")
    x = jnp.ones((1, 20, 50))
    np.testing.assert_array_equal(module(x), x)
    training = module.training(key=jax.random.key(0), step=5)
    out = module(x, training=training)
    assert {float(n) for n in np.unique(out)} == {0.0, 3.0}
    assert 0.4 < float((out == 0).mean()) < 0.6
    (loss,) = training.losses
    np.testing.assert_allclose(loss, 0.375 * 50 * float(((out / 1.5) ** 2).mean()), rtol=1e-5)


# -- errors ----------------------------------------------------------------------------------------


def test_what_is_not_there_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="no floating-point type"):
        compiled(dtype="int32")
    with pytest.raises(ValueError, match="jax_enable_x64"):
        compiled(dtype="float64")
    with pytest.raises(BackendError, match="no device 'mainframe'"):
        compiled(device="mainframe")
    with pytest.raises(BackendError, match="no bare form"):
        emit(MIXER, "tiny", backend="jax", bare=True)
    later = "op later[D](x: Seq[D]) -> Seq[D] where lookahead(1) { return x[t+1] }"
    module = asiarch.compile(later, sizes={"D": 2}, backend="jax")
    with pytest.raises(AttributeError, match="looks 1 token ahead"):
        module.initial_state({}, 1)
    monkeypatch.setitem(sys.modules, "jax", None)
    with pytest.raises(BackendError, match=r"pip install 'asiarch\[jax\]'"):
        compiled()
