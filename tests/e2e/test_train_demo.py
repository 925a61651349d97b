"""The comparison that `make demo` ends with, on a text and models small enough for a test."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import nn

from asiarch.train import checkpoint, demo, trainer


class Bytes(nn.Module):
    """Logits of a byte from the two before it; claims a state of four numbers."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.table = nn.Parameter(0.02 * torch.randn(2, 256, 256, generator=generator))

    def forward(
        self, ids: torch.Tensor, state: object = None, return_state: bool = False
    ) -> object:
        before = nn.functional.pad(ids[:, :-1], (1, 0))
        logits = self.table[0][ids] + self.table[1][before]
        return (logits, torch.zeros(len(ids), 4)) if return_state else logits

    def initial_state(self, batch: int) -> torch.Tensor:
        return torch.zeros(batch, 4)


class Constant(Bytes):
    """Cannot beat the bigram: knows how often each byte comes, at most."""

    def forward(
        self, ids: torch.Tensor, state: object = None, return_state: bool = False
    ) -> object:
        return super().forward(torch.zeros_like(ids), state, return_state)


SPEC = """model one[vocab] { return unembed[vocab](embed[vocab](tokens)) }
model two[vocab] { return unembed[vocab](embed[vocab](tokens)) }
"""


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    (tmp_path / "text.txt").write_bytes(b"the cat sat on the mat and the dog ran\n" * 300)
    (tmp_path / "spec.asi").write_text(SPEC)
    return [
        str(tmp_path / "spec.asi"),
        *("-D", "vocab=256", "--data", str(tmp_path / "text.txt"), "--out", str(tmp_path / "out")),
        *("--steps", "40", "--batch", "4", "--time", "32", "--lr", "0.3"),
    ]


def run(arguments: list[str], make: demo.Make) -> tuple[int, str]:
    stream = io.StringIO()
    plan = demo._plan(demo._parser().parse_args(arguments))
    return demo.compare(plan, make, stream), stream.getvalue()


def fast(text: str, model: str, sizes: Mapping[str, int], seed: int) -> nn.Module:
    return Bytes(seed)


def table(shown: str) -> dict[str, list[str]]:
    lines = shown[shown.index("\nmodel ") :].split("\n\n")[0].strip().splitlines()
    return {line.split()[0]: line.split()[1:] for line in lines[2:-1]}


def test_the_table_has_a_row_for_each_and_the_run_succeeds(arguments: list[str]) -> None:
    status, shown = run(arguments, fast)
    rows = table(shown)
    assert list(rows) == ["unigram", "bigram", "order-3", "one", "two"]
    assert rows["one"][1:4] == ["131,072", "4", "4"]
    assert rows["one"][0] == rows["two"][0]
    assert 0 < float(rows["one"][0]) < float(rows["bigram"][0]) < float(rows["unigram"][0])
    assert status == 0
    assert "one goes on from 'def '" in shown


def test_a_model_that_does_not_beat_the_bigram_fails_the_run(arguments: list[str]) -> None:
    status, shown = run(arguments, lambda text, model, sizes, seed: Constant(seed))
    assert status == 1
    assert "two does not beat the bigram" in shown


def test_an_interrupted_comparison_goes_on_where_it_stopped(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, expected = run([*arguments, "--out", str(tmp_path / "whole")], fast)

    def killed(text: str, model: str, sizes: Mapping[str, int], seed: int) -> nn.Module:
        if model == "two":
            raise KeyboardInterrupt
        return Bytes(seed)

    with pytest.raises(KeyboardInterrupt):
        run(arguments, killed)
    done = trainer.train
    steps: list[int] = []

    def counting(*positional: object, **named: object) -> trainer.Result:
        result = done(*positional, **named)  # pyright: ignore
        steps.append(len(result.losses))
        return result

    monkeypatch.setattr(demo, "train", counting)
    _, shown = run(arguments, fast)
    assert steps == [0, 40]
    resumed, whole = table(shown), table(expected)
    assert {name: cells[:3] for name, cells in resumed.items()} == {
        name: cells[:3] for name, cells in whole.items()
    }
    # The comparison is done: the next starts from nothing.
    run(arguments, fast)
    assert steps == [0, 40, 40, 40]


def test_the_checkpoint_holds_what_rebuilds_the_module(
    arguments: list[str], tmp_path: Path
) -> None:
    run(arguments, fast)
    stored = checkpoint.load(tmp_path / "out" / "one")
    assert stored.meta == {"spec": SPEC, "model": "one", "sizes": {"vocab": 256}, "seed": 0}
    module = Bytes(9)
    checkpoint.restore(module, stored.weights)
    assert torch.equal(module.table, stored.weights["table"])


def test_a_missing_spec_is_an_error_without_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text.txt").write_bytes(b"abc\n" * 3000)
    missing = str(tmp_path / "none.asi")
    assert demo.main([missing, "--data", str(tmp_path / "text.txt"), "--time", "32"]) == 1
    assert "cannot read" in capsys.readouterr().err


def test_the_models_of_a_spec_train_for_real(arguments: list[str], tmp_path: Path) -> None:
    assert demo.main([*arguments, "--steps", "3"]) == 1
    table_of = (tmp_path / "out" / demo.TABLE).read_text()
    assert "131,072" in table_of
    assert (tmp_path / "out" / "two" / checkpoint.RECORD).exists()


def test_ctrl_c_stops_every_model_and_the_same_command_goes_on(
    arguments: list[str], tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "asiarch.train.demo", *arguments, "--steps", "100000"]
    out = tmp_path / "out"
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        assert process.stderr is not None
        assert process.stdout is not None
        seen: set[str] = set()
        for line in process.stderr:
            if " step " in line:
                seen.add(line.split(":")[0])
            if seen == {"one", "two"}:
                break
        process.send_signal(signal.SIGINT)
        shown = process.stderr.read()
        assert "the same command goes on" in process.stdout.read()
    assert process.returncode == demo.INTERRUPTED
    assert shown.count("interrupted after step") == 2
    assert 0 < checkpoint.load(out / "one").step < 100_000
    assert 0 < checkpoint.load(out / "two").step < 100_000


def test_a_wrong_spec_is_an_error_without_a_traceback(
    arguments: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    Path(arguments[0]).write_text("model one[vocab] { return nothing }")
    assert demo.main(arguments) == 1
    assert "error[" in capfd.readouterr().err
