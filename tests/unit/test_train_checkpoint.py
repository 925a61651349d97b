"""A checkpoint is the old one or the new one, never half of either."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from asiarch.train import checkpoint
from asiarch.train.checkpoint import Checkpoint, Settings
from asiarch.train.errors import CheckpointError


def stored(step: int) -> Checkpoint:
    return Checkpoint(
        step=step,
        settings=Settings(steps=9, batch=2, time=8, lr=0.1, seed=0, data="d"),
        weights={"a.b": torch.full((2, 3), float(step)), "c": torch.arange(step + 1)},
        moments={"exp_avg:a.b": torch.full((2, 3), -float(step))},
        meta={"spec": "model m {}", "sizes": {"D": 8}},
        seconds=1.5,
    )


def equal(one: Checkpoint, other: Checkpoint) -> bool:
    def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
        return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)

    rest = [(c.step, c.settings, c.meta, c.seconds) for c in (one, other)]
    return (
        rest[0] == rest[1] and same(one.weights, other.weights) and same(one.moments, other.moments)
    )


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "new" / "run", stored(3))
    assert equal(checkpoint.load(tmp_path / "new" / "run"), stored(3))
    assert equal(checkpoint.load(tmp_path / "new" / "run" / "checkpoint.json"), stored(3))


def test_weights_are_a_plain_safetensors_file_of_parameter_names(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, stored(3))
    name = json.loads((tmp_path / "checkpoint.json").read_text())["weights"]
    assert load_file(tmp_path / name).keys() == {"a.b", "c"}


def test_a_new_checkpoint_replaces_the_old_and_leaves_nothing_else(tmp_path: Path) -> None:
    (tmp_path / ".weights-9.safetensors.1.partial").write_bytes(b"half")
    checkpoint.save(tmp_path, stored(3))
    checkpoint.save(tmp_path, stored(4))
    assert equal(checkpoint.load(tmp_path), stored(4))
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("fails", range(6))
def test_a_failing_write_leaves_the_old_checkpoint_whole(
    fails: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint.save(tmp_path, stored(3))
    calls = 0

    def failing(real: Any) -> Any:
        def call(*arguments: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == fails + 1:
                raise OSError(errno.ENOSPC, "No space left on device")
            return real(*arguments)

        return call

    monkeypatch.setattr(checkpoint.os, "fsync", failing(checkpoint.os.fsync))
    monkeypatch.setattr(Path, "replace", failing(Path.replace))
    with pytest.raises(CheckpointError, match="No space left"):
        checkpoint.save(tmp_path, stored(4))
    monkeypatch.undo()
    assert equal(checkpoint.load(tmp_path), stored(3))
    checkpoint.save(tmp_path, stored(4))
    assert equal(checkpoint.load(tmp_path), stored(4))


@pytest.mark.parametrize("pattern", ["weights-*", "moments-*", "checkpoint.json"])
@pytest.mark.parametrize("damage", ["cut", "flip", "remove"])
def test_damage_is_noticed(pattern: str, damage: str, tmp_path: Path) -> None:
    checkpoint.save(tmp_path, stored(3))
    (path,) = tmp_path.glob(pattern)
    content = path.read_bytes()
    if damage == "remove":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(content[:-3])
    else:
        path.write_bytes(bytes([content[0] ^ 255]) + content[1:])
    with pytest.raises(CheckpointError, match=r"damaged|no checkpoint"):
        checkpoint.load(tmp_path)


def test_a_future_format_is_named(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, stored(3))
    record = json.loads((tmp_path / "checkpoint.json").read_text())
    (tmp_path / "checkpoint.json").write_text(json.dumps(record | {"format": 99}))
    with pytest.raises(CheckpointError, match="format 99"):
        checkpoint.load(tmp_path)
