"""A run on disk: weights, optimizer moments, and a JSON record that names them.

A checkpoint is a folder. `checkpoint.json` names a weights file (keys are parameter names, so any
safetensors reader gets the model) and a moments file, each with the step and a hash in its name.
Every file appears whole by a rename and the JSON is written last, so a crash at any moment leaves
the previous checkpoint or the new one. Knows nothing of how weights were made.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import nn

from asiarch.train.errors import CheckpointError

RECORD = "checkpoint.json"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Settings:
    """What a resumed run must share with the one it continues."""

    steps: int
    batch: int
    time: int
    lr: float
    seed: int
    data: str
    compiled: bool = False


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A stored run: `meta` is the caller's (spec text, model name, sizes, seed), kept verbatim."""

    step: int
    settings: Settings
    weights: dict[str, torch.Tensor]
    moments: dict[str, torch.Tensor]
    meta: dict[str, Any]
    seconds: float


def tensors(module: nn.Module) -> dict[str, torch.Tensor]:
    """Parameters and persistent buffers by name; a tied parameter appears once."""
    state = cast(dict[str, torch.Tensor], module.state_dict(keep_vars=True))
    named = {name for name, _ in (*module.named_parameters(), *module.named_buffers())}
    return {name: value.detach() for name, value in state.items() if name in named}


def save(folder: str | Path, checkpoint: Checkpoint) -> Path:
    """Writes a checkpoint into a folder, made if need be, and removes the one that it replaces."""
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        weights = _save_tensors(folder, "weights", checkpoint.step, checkpoint.weights)
        moments = _save_tensors(folder, "moments", checkpoint.step, checkpoint.moments)
        record = {
            "format": FORMAT,
            "step": checkpoint.step,
            "settings": asdict(checkpoint.settings),
            "weights": weights,
            "moments": moments,
            "seconds": checkpoint.seconds,
            "meta": checkpoint.meta,
        }
        _write(folder / RECORD, json.dumps(record, indent=1).encode())
        _tidy(folder, {weights, moments})
    except OSError as error:
        raise CheckpointError(
            f"cannot write the checkpoint {folder}: {error.strerror}; "
            "what it held before is still whole"
        ) from error
    return folder


def exists(folder: str | Path) -> bool:
    """Whether the folder holds a checkpoint."""
    return (Path(folder) / RECORD).is_file()


def load(folder: str | Path) -> Checkpoint:
    """Reads a checkpoint; raises `CheckpointError` for one that is missing or damaged."""
    folder = Path(folder)
    if folder.name == RECORD:
        folder = folder.parent
    try:
        found: object = json.loads((folder / RECORD).read_bytes())
        if not isinstance(found, dict) or "format" not in found:
            raise CheckpointError(
                f"the checkpoint {folder} is damaged: {RECORD} is no record of a run"
            )
        record = cast(dict[str, Any], found)
        if record["format"] != FORMAT:
            raise CheckpointError(
                f"{folder} has checkpoint format {record['format']}, not {FORMAT}"
            )
        return Checkpoint(
            step=record["step"],
            settings=Settings(**record["settings"]),
            weights=_load_tensors(folder / record["weights"]),
            moments=_load_tensors(folder / record["moments"]),
            meta=record["meta"],
            seconds=record["seconds"],
        )
    except FileNotFoundError as error:
        raise CheckpointError(f"no checkpoint at {folder}: no {error.filename}") from error
    except OSError as error:
        raise CheckpointError(f"cannot read the checkpoint {folder}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, SafetensorError) as error:
        raise CheckpointError(f"the checkpoint {folder} is damaged: {error}") from error


def restore(module: nn.Module, weights: Mapping[str, torch.Tensor]) -> None:
    """Copies weights into a module of the same parameter names and shapes."""
    own = tensors(module)
    wrong = [f"{name} is not in the checkpoint" for name in own if name not in weights]
    wrong += [f"{name} is not in the model" for name in weights if name not in own]
    wrong += [
        f"{name} is {list(weights[name].shape)} in the checkpoint, {list(value.shape)} in the model"
        for name, value in own.items()
        if name in weights and weights[name].shape != value.shape
    ]
    if wrong:
        raise CheckpointError("the checkpoint is of another model: " + "; ".join(wrong[:3]))
    with torch.no_grad():
        for name, value in own.items():
            value.copy_(weights[name])


def _save_tensors(folder: Path, kind: str, step: int, named: Mapping[str, torch.Tensor]) -> str:
    content = save_tensors({name: value.cpu().contiguous() for name, value in named.items()})
    digest = hashlib.blake2b(content, digest_size=8).hexdigest()
    name = f"{kind}-{step:06d}-{digest}.safetensors"
    if not (folder / name).exists():
        _write(folder / name, content)
    return name


def _load_tensors(path: Path) -> dict[str, torch.Tensor]:
    content = path.read_bytes()
    digest = hashlib.blake2b(content, digest_size=8).hexdigest()
    if not path.stem.endswith(digest):
        raise CheckpointError(f"{path} is damaged: its content does not match the hash in its name")
    return load_tensors(content)


def _tidy(folder: Path, kept: set[str]) -> None:
    """Removes replaced tensors, and what a killed process left half written."""
    for old in (*folder.glob("*-*.safetensors"), *folder.glob(".*.partial")):
        if old.name not in kept:
            old.unlink(missing_ok=True)


def _write(path: Path, content: bytes) -> None:
    """The file appears under its name whole or not at all."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
