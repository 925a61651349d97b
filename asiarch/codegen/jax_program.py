"""What `compile(..., backend="jax")` gives: the functions of an emitted text, and first values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from asiarch.codegen.parameters import initial_values
from asiarch.ir.flatten import flatten
from asiarch.ir.function import Function


class JaxProgram:
    """Pure functions of a dict of parameters by path; they take jit, grad and vmap.

    params: parameters of the program's seed, or those that `copy_parameters` put there.
    """

    emitted_source: str

    def __init__(
        self,
        function: Function,
        names: Mapping[str, Any],
        values: Mapping[str, Any],
        dtype: str,
        device: Any,
    ) -> None:
        self._flat = flatten(function)
        self._apply: Callable[..., Any] = names["apply"]
        self._step: Callable[..., Any] | None = names.get("step")
        self._initial_state: Callable[..., Any] | None = names.get("initial_state")
        self._training: Callable[..., Any] | None = names.get("Training")
        self.dtype, self.device = _real_dtype(dtype), device
        self.params: dict[str, jax.Array] = {}
        self.load(values)

    @property
    def steps(self) -> bool:
        """Is there a decode state? Programs that look ahead have none."""
        return self._step is not None

    def load(self, values: Mapping[str, Any]) -> None:
        """Make these the program's own parameters."""
        self.params = {
            path: jax.device_put(jnp.asarray(value, self.dtype), self.device)
            for path, value in values.items()
        }

    def init(self, key: Any = None) -> dict[str, jax.Array]:
        """Initial parameters. None: those of the program's seed.

        key: a jax key, or a whole number. `jax.random.key(n)` and n give what `seed=n` gives in
        every other backend; under jit and vmap too.
        """
        if key is None:
            return dict(self.params)
        if isinstance(key, int):
            return self._of_seed(np.asarray([key >> 32, key & 0xFFFFFFFF], np.uint32))
        data = jax.random.key_data(key) if jnp.issubdtype(key.dtype, jax.dtypes.prng_key) else key
        if not isinstance(data, Tracer):
            return self._of_seed(np.asarray(data))
        shapes = {p: jax.ShapeDtypeStruct(x.shape, self.dtype) for p, x in self.params.items()}
        return jax.pure_callback(self._of_seed, shapes, data, vmap_method="sequential")

    def _of_seed(self, words: Any) -> dict[str, jax.Array]:
        seed = 0
        for word in np.asarray(words).reshape(-1)[-2:]:
            seed = seed << 32 | int(word)
        values = initial_values(self._flat, seed)
        return {path: jnp.asarray(value, self.dtype) for path, value in values.items()}

    def apply(self, params: Mapping[str, Any], *streams: Any, **options: Any) -> Any:
        """Outputs [batch, time, *axes] of streams [batch, time, *axes], in order or by name.

        state: go on from it; segment_ids [batch, time] or [time]: documents of packed rows are
        runs of equal ids, the first of a row goes on from the state. cu_seqlens [N + 1]: the same
        of one row by its cuts. return_state: (outputs, state after the last token of each row).
        training: what `training()` gives, made anew for each call.
        """
        cuts = options.pop("cu_seqlens", None)
        if cuts is not None:
            time = next(iter([*streams, *options.values()])).shape[1]
            options["segment_ids"] = jnp.searchsorted(
                jnp.asarray(cuts)[1:], jnp.arange(time), side="right"
            )
        return self._apply(params, *streams, **options)

    def __call__(self, *streams: Any, **options: Any) -> Any:
        """`apply` with the program's own parameters."""
        return self.apply(self.params, *streams, **options)

    def training(self, key: Any = None, step: Any = None) -> Any:
        """What training adds to a call of `apply`: `key` for dropout, `step` for annealing; its
        `losses` gather those of the program. None where nothing differs in training.
        """
        return None if self._training is None else self._training(key, step)

    def step(self, params: Mapping[str, Any], *streams: Any, state: Any) -> tuple[Any, Any]:
        """One token: streams without their time axis -> (outputs, state)."""
        return self._with_state(self._step)(params, *streams, state=state)

    def initial_state(
        self, params: Mapping[str, Any], batch: int, length: int | None = None
    ) -> dict[str, Any]:
        """The state before the first token.

        length: room for so many tokens where attention keeps all of them, so that shapes stay as
        they are from step to step (`lax.scan`, one compilation); what comes after is NaN. None:
        such a state grows with each call.
        """
        start = self._with_state(self._initial_state)
        if length is None or "length" not in signature(start).parameters:
            return start(params, batch)
        return start(params, batch, length)

    def _with_state(self, function: Callable[..., Any] | None) -> Callable[..., Any]:
        if function is None:
            from asiarch.codegen.lookahead import why_no_state

            raise AttributeError(why_no_state(self._flat))
        return function


def _real_dtype(dtype: str) -> Any:
    try:
        kind = jnp.dtype(dtype)
    except TypeError:
        kind = None
    if kind is None or not jnp.issubdtype(kind, jnp.floating):
        raise ValueError(f"dtype {dtype!r} is no floating-point type of jax")
    if kind == jnp.float64 and not jax.config.read("jax_enable_x64"):
        raise ValueError(
            "dtype 'float64' needs jax.config.update('jax_enable_x64', True) before arrays are made"
        )
    return kind
