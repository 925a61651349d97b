"""Short functions that emitted jax text calls, pasted where they are used."""

from __future__ import annotations

HELPERS = {
    "Training": '''class Training:
    """What training adds to a call: `key` for dropout, `step` for annealing. Losses of the layers
    gather in `losses`.
    """

    def __init__(self, key: Any = None, step: Any = None) -> None:
        self.key, self.step, self.draws = key, step, 0
        self.losses: list[Array] = []

    def next_key(self) -> Array:
        """A key for one more draw."""
        self.draws += 1
        return jax.random.fold_in(self.key, self.draws)
''',
    "within": '''def within(params: Params, name: str) -> Params:
    """The parameters under a name."""
    return {p[len(name) + 1 :]: x for p, x in params.items() if p.startswith(f"{name}.")}
''',
    "under": '''def under(name: str, params: Params) -> Params:
    """Parameters put under a name."""
    return {f"{name}.{p}": x for p, x in params.items()}
''',
    "expand": '''def expand(x: Array, *sizes: int) -> Array:
    """x at these sizes; -1 keeps a dimension, further ones come in front."""
    shape = (*(1,) * (len(sizes) - x.ndim), *x.shape)
    return jnp.broadcast_to(x, [n if s == -1 else s for s, n in zip(sizes, shape, strict=True)])
''',
    "flatten": '''def flatten(x: Array, start: int, end: int = -1) -> Array:
    """The dimensions from start to end as one."""
    start, end = start % x.ndim, end % x.ndim
    return x.reshape(*x.shape[:start], -1, *x.shape[end + 1 :])
''',
    "unflatten": '''def unflatten(x: Array, dim: int, sizes: tuple[int, ...]) -> Array:
    """One dimension as several."""
    dim = dim % x.ndim
    return x.reshape(*x.shape[:dim], *sizes, *x.shape[dim + 1 :])
''',
    "l2norm": '''def l2norm(x: Array, dim: Any) -> Array:
    """x over its length along `dim`."""
    return x / jnp.sqrt((x * x).sum(dim, keepdims=True) + 1e-6)
''',
    "rms_norm": '''def rms_norm(x: Array, dim: Any, weight: Array) -> Array:
    """x over its root mean square along `dim`, weighted."""
    return x / jnp.sqrt((x * x).mean(dim, keepdims=True) + 1e-6) * weight
''',
    "layer_norm": '''def layer_norm(x: Array, dim: Any, weight: Array, bias: Array) -> Array:
    """x less its mean, over its deviation along `dim`, weighted."""
    x = x - x.mean(dim, keepdims=True)
    return x / jnp.sqrt((x * x).mean(dim, keepdims=True) + 1e-5) * weight + bias
''',
    "rope": '''def rope(x: Array, t: Array, base: float = 10000) -> Array:
    """The last axis of x [B, T, ..., K] as two halves, turned by t * base^(-i / (K / 2))."""
    half = x.shape[-1] // 2
    rate = base ** (-jnp.arange(half, dtype=t.dtype) / half)
    angle = t.reshape(*t.shape, *(1,) * (x.ndim - 2)) * rate
    a, b = x[..., :half], x[..., half:]
    cos, sin = jnp.cos(angle).astype(x.dtype), jnp.sin(angle).astype(x.dtype)
    return jnp.concatenate((a * cos - b * sin, b * cos + a * sin), -1)
''',
    "repeat_heads": '''def repeat_heads(state: Any, count: int) -> Any:
    """One state for each of `count` queries that share it."""
    return state if state is None else jnp.repeat(state, count, 1)
''',
    "transposed": '''def transposed(state: Any) -> Any:
    """The state with keys and values exchanged."""
    return state if state is None else state.mT
''',
    "dropout": '''def dropout(x: Array, rate: float, training: Training | None) -> Array:
    """x with entries left out at `rate`, the others larger; x itself where no key is given."""
    if training is None or training.key is None:
        return x
    kept = jax.random.bernoulli(training.next_key(), 1 - rate, x.shape)
    return jnp.where(kept, x / (1 - rate), 0)
''',
    "annealed": '''def annealed(start: Any, end: Any, steps: int, training: Any) -> Array:
    """From start to end over the steps of training; end where no step is given."""
    start, end = jnp.broadcast_arrays(start, end)
    if training is None or training.step is None:
        return end
    return start + (end - start) * jnp.minimum(training.step / steps, 1.0).astype(end.dtype)
''',
    "keep_top": '''def keep_top(x: Array, count: int, dim: int) -> Array:
    """x where it is among the `count` largest along `dim` (ties: the earlier), 0 elsewhere."""
    order = jnp.argsort(x, axis=dim, descending=True, stable=True)
    rank = jnp.argsort(order, axis=dim, stable=True)
    return jnp.where(rank < count, x, 0)
''',
}
