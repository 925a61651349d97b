"""A hosted mixer as modules of torch, compiled once, with the initial values of any seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from asiarch import interface
from asiarch.codegen.parameters import initial_values
from asiarch.codegen.torch_backend import emit
from asiarch.ir.flatten import flatten
from asiarch.ir.function import Function
from asiarch.train.tasks.host import Hosted, Network, network

Values = Mapping[str, Any]


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


def build(hosted: Hosted) -> Built:
    """Raises what `asiarch.compile` raises, and `HostError`."""
    made = network(hosted)
    names = [made.model, *([made.decoder] if made.decoder else [])]
    return Built(made, tuple(interface.elaborate(made.text, name) for name in names))


def _module(function: Function, seed: int) -> nn.Module:
    emitted = emit(function)
    module: nn.Module = interface.load_source(emitted.source, emitted.entry)
    values = initial_values(flatten(function), seed)
    module.load_state_dict({path: torch.from_numpy(v.copy()) for path, v in values.items()})
    return module
