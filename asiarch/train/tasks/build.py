"""A hosted mixer as modules of torch, with the initial values of any seed: alone, or several at
once as one module (`asiarch.ir.replicate`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from asiarch import interface
from asiarch.codegen.parameters import initial_values
from asiarch.codegen.torch_backend import emit
from asiarch.ir.flatten import flatten
from asiarch.ir.function import Function
from asiarch.ir.replicate import AXIS, replicated
from asiarch.train.tasks.host import Hosted, Network, network


class Predictor(nn.Module):
    """Ids `[rows, time]` to logits `[rows, time, vocabulary]`."""

    model: nn.Module
    decoder: nn.Module | None

    def __init__(self, model: nn.Module, decoder: nn.Module | None) -> None:
        super().__init__()
        self.model, self.decoder = model, decoder

    def forward(self, ids: Tensor) -> Tensor:
        out: Tensor = self.model(ids)
        if self.decoder is None:
            return out
        # The code is what stands after the last token; the decoder sees nothing else.
        return self.decoder(out[:, -1:].expand_as(out))


class Replicas(Predictor):
    """Ids `[rows, time, replicas]` to logits `[rows, time, replicas, vocabulary]`.

    places: where each parameter, by its name, has the replicas.
    """

    def __init__(
        self, model: nn.Module, decoder: nn.Module | None, places: Mapping[str, int]
    ) -> None:
        super().__init__(model, decoder)
        self.places = dict(places)


@dataclass(frozen=True, slots=True)
class Built:
    """`functions`: the model and, where there is one, the decoder, at numbers for sizes."""

    made: Network
    functions: tuple[Function, ...]

    def predictor(self, seed: int) -> Predictor:
        """A module of its own with the initial values of a seed: a weight is drawn by (seed, path)
        alone, so weights of one path and shape are equal in all networks.
        """
        modules = [_module(function, seed) for function in self.functions]
        return Predictor(modules[0], modules[1] if len(modules) > 1 else None)

    def replicas(self, seeds: Sequence[int]) -> Replicas:
        """One module of all seeds. Raises `Unreplicable`, and what compiling raises."""
        modules: list[nn.Module] = []
        places: dict[str, int] = {}
        for prefix, function in zip(("model", "decoder"), self.functions, strict=False):
            module, axes = _replicas(function, seeds)
            modules.append(module)
            places |= {f"{prefix}.{path}": place for path, place in axes.items()}
        return Replicas(modules[0], modules[1] if len(modules) > 1 else None, places)


def build(hosted: Hosted) -> Built:
    """Raises what `asiarch.compile` raises, and `HostError`."""
    made = network(hosted)
    names = [made.model, *([made.decoder] if made.decoder else [])]
    return Built(made, tuple(interface.elaborate(made.text, name) for name in names))


def _module(function: Function, seed: int) -> nn.Module:
    module = _empty(function)
    values = initial_values(flatten(function), seed)
    module.load_state_dict({path: torch.from_numpy(v.copy()) for path, v in values.items()})
    return module


def _replicas(function: Function, seeds: Sequence[int]) -> tuple[nn.Module, dict[str, int]]:
    """The module, and the place of the replicas in each parameter."""
    several = replicated(function, len(seeds))
    module = _empty(several)
    values = [initial_values(flatten(function), seed) for seed in seeds]
    places = {p.path: p.axes.index(AXIS) for p in flatten(several).params}
    stacked = {
        path: torch.from_numpy(np.stack([v[path] for v in values], place))
        for path, place in places.items()
    }
    module.load_state_dict(stacked)
    return module, places


def _empty(function: Function) -> nn.Module:
    """A module of it. Runs of a group are of one text, which is made once."""
    if "module" not in function.memo:
        emitted = emit(function)
        found = interface.namespace(emitted.source, emitted.entry)
        function.memo["module"] = found[emitted.entry]
    return function.memo["module"]()
