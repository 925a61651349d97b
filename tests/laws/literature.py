"""Every definition of the library as a program of small sizes, found by its file."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import torch

from asiarch.language import ast
from asiarch.language.parser import parse
from asiarch.laws.subject import Streams

from .programs import Program, flat

FOLDER = Path(str(resources.files("asiarch.library")))
FILES = [f for f in sorted(FOLDER.glob("*.asi")) if f.stem != "prelude"]

SMALL = {"D": 8, "H": 2, "K": 4, "V": 4, "M": 4, "N": 4, "P": 2, "R": 3, "F": 6, "W": 5, "G": 2,
         "L": 3, "C": 3, "S": 2, "B": 3, "E": 4, "I": 3, "Q": 6, "layer": 1,
         "vocab": 11}  # fmt: skip
ALWAYS = ("D", "H", "G", "L", "vocab")
LARGE = 8
"""A default above it is a published width, and is made small."""

GATES = ("a", "b", "e", "f", "g", "s", "w")
"""Inputs of cores that are decays, rates and strengths: numbers in (0, 1)."""


@dataclass(frozen=True)
class Choice:
    """What a definition needs to be tried: other sizes, another draw of the ring."""

    sizes: dict[str, int] = field(default_factory=dict[str, int])
    seed: int = 0


CHOICES = {
    "log_linear_core": Choice({"L": 4}),
    "log_linear_mamba2": Choice({"L": 4}),
    "mesa_net": Choice(seed=1),  # seed 0 meets a divisor that the ring cannot invert
}


def sizes(definition: ast.Definition) -> dict[str, int]:
    """Small numbers for what has no default, and for defaults that are large numbers."""
    return {
        h.name.id: SMALL[h.name.id]
        for h in definition.header
        if h.default is None
        or (isinstance(h.default, ast.Number) and (h.default.value > LARGE or h.name.id in ALWAYS))
    }


def _programs() -> list[Program]:
    out: list[Program] = []
    for file in FILES:
        text = file.read_text(encoding="utf-8")
        for definition in parse(text).program.definitions:
            name = definition.name.id
            chosen = sizes(definition) | CHOICES.get(name, Choice()).sizes
            gates = GATES if name != "mlstm_core" else ()
            out.append(Program(name, chosen, text, f"<library>/{file.name}", gates))
    return out


PROGRAMS = _programs()
"""In the order of the files."""


def given(program: Program, batch: int, time: int) -> list[Any]:
    """Inputs [batch, time, ...]: gates in (0, 1), keys of length 1, Tensors positive."""
    function, rng = flat(program), np.random.default_rng(1)
    out: list[Any] = []
    for leaf, name in zip(function.inputs, function.input_names, strict=True):
        shape = [int(function.axes[a].integer or 0) for a in leaf.type.axes]
        if leaf.type.mode == "token":
            out.append(rng.integers(0, program.sizes["vocab"], (batch, time)))
            continue
        x = rng.standard_normal((batch, time, *shape) if leaf.type.stream else shape)
        if not leaf.type.stream:
            x = np.exp(x)
        elif name in program.gates:
            x = 1 / (1 + np.exp(-x))
        elif name == "k":
            x = x / np.linalg.norm(x, axis=-1, keepdims=True)
        out.append(x)
    return out


def tensors(program: Program, time: int) -> Streams:
    """`given` as float32 tensors, two rows."""
    floats = (torch.tensor(x) for x in given(program, 2, time))
    return tuple(x.float() if x.is_floating_point() else x for x in floats)
