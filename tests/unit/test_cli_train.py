"""`train` and `sample`: a run, its resumption, and text from its checkpoint."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from asiarch import cli
from asiarch.commands.support.terminal import harmless

SPEC = """use parts.mixer
model small[D = 8, H = 2, L = 2, vocab = 16] {
  x = embed[D](tokens)
  for layer in L { x = x + mixer(rmsnorm[D](x)) }
  return unembed[vocab](rmsnorm[D](x))
}
"""
PARTS = """op mixer[D, H, K = D / H](x: Seq[D]) -> Seq[D] where causal {
  k = linear[H, K](x)
  state S[H, K, D]
  S = sigmoid(linear[H](x)) * S[t-1] + k * x
  return linear[H, D -> D](k @ S)
}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("train")
    (place / "small.asi").write_text(SPEC)
    (place / "parts.asi").write_text(PARTS)
    (place / "text").mkdir()
    for n in range(24):
        words = b"alpha beta gamma delta\none two three four\n" * 8
        (place / "text" / f"{n}.txt").write_bytes(words[n:])
    return place


def train(folder: Path, *more: str) -> int:
    common = ["--data", str(folder / "text"), "--batch", "2", "--time", "16"]
    return cli.main(["train", str(folder / "small.asi"), *common, *more])


def test_a_run_reports_resumes_and_writes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(folder / "run")
    assert train(folder, "--steps", "4", "--out", out) == 0
    shown = capsys.readouterr().out
    assert shown.index("small  causal") < shown.index("bytes to train on")
    assert "bits per byte" in shown
    assert f"checkpoint: {out}" in shown
    assert "it goes on from 'def '" in shown

    # The settings come from the checkpoint; a changed program is refused.
    assert cli.main(
        ["train", str(folder / "small.asi"), "--data", str(folder / "text"), "--resume", out]
    ) == 0  # fmt: skip
    assert "step 4: " in capsys.readouterr().out
    (folder / "small.asi").write_text(SPEC.replace("x + mixer", "x - mixer"))
    assert train(folder, "--steps", "4", "--resume", out) == 2
    assert "was trained with other text" in capsys.readouterr().err
    (folder / "small.asi").write_text(SPEC)

    # A checkpoint is enough: the program and what it uses are in it.
    (folder / "parts.asi").rename(folder / "moved.asi")
    words = ["sample", out, "--prompt", "one", "--tokens", "9", "--temperature", "0"]
    assert cli.main(words) == 0
    first = capsys.readouterr().out
    assert first.startswith("one")
    assert cli.main(words) == 0
    assert capsys.readouterr().out == first
    (folder / "moved.asi").rename(folder / "parts.asi")


def test_a_sample_cannot_drive_the_terminal() -> None:
    assert harmless("a\x1b[2Jb\r\n\tc\x00") == "a\ufffd[2Jb\ufffd\n\tc\ufffd"


def test_what_cannot_be_trained_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(folder, "--steps", "0") == 1
    assert "steps must be positive" in capsys.readouterr().err
    assert train(folder, "--steps", "2", "--time", "100000") == 1
    assert "shorter --time" in capsys.readouterr().err
    assert cli.main(["train", str(folder / "small.asi"), "--data", str(folder / "nothing")]) == 1
    assert "no such file or folder" in capsys.readouterr().err
    assert cli.main(["sample", str(folder / "nothing")]) == 1
    assert "no checkpoint at" in capsys.readouterr().err


def test_what_would_be_found_late_is_said_first(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    late = {
        ("--lr", "nan"): "lr must be positive, not nan",
        ("--device", "nosuch"): "--device nosuch: torch cannot compute there",
        ("--device", "meta"): "--device meta: torch cannot compute there",
    }
    for words, said in late.items():
        assert train(folder, *words) != 0
        shown = capsys.readouterr()
        assert said in shown.err
        assert "bytes to train on" not in shown.out
    for words, said in {
        ("--seed", "9" * 24): "is not between",
        ("-D", "D=0"): "the size D must be at least 1, not 0",
    }.items():
        with pytest.raises(SystemExit):
            train(folder, *words)
        assert said in capsys.readouterr().err
    # A folder holds one run; another does not write over it.
    out = str(folder / "kept")
    assert train(folder, "--steps", "1", "--out", out) == 0
    before = sorted(p.read_bytes() for p in (folder / "kept").iterdir())
    assert train(folder, "--steps", "2", "--seed", "7", "--out", out) == 2
    assert "holds a run: --resume" in capsys.readouterr().err
    assert sorted(p.read_bytes() for p in (folder / "kept").iterdir()) == before
    assert train(folder, "--steps", "1", "--resume", out, "--out", out) == 0


def test_a_vocabulary_that_is_not_used_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = folder / "own.asi"
    own.write_text(
        "model own[D = 4, vocab = 10] {\n  x = embed[D](tokens)\n  return linear[vocab](x)\n}\n"
    )
    words = ["--data", str(folder / "text"), "--batch", "2", "--time", "16", "--steps", "1"]
    assert cli.main(["train", str(own), *words]) == 0
    assert "vocab is 256, a byte each: the 10 of the program is not used" in capsys.readouterr().out
    own.write_text(own.read_text().replace("vocab = 10", "vocab"))
    assert cli.main(["train", str(own), *words]) == 0
    assert "vocab is" not in capsys.readouterr().out


@pytest.mark.parametrize("record", ["[]", "{}", '{"format": "x"}'])
def test_a_record_that_is_none_is_said(
    record: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "checkpoint.json").write_text(record)
    assert cli.main(["sample", str(tmp_path)]) == 1
    assert "checkpoint" in capsys.readouterr().err


def test_a_seed_that_is_none_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(folder, "--steps", "1", "--out", str(folder / "seeded")) == 0
    record = folder / "seeded" / "checkpoint.json"
    stored = json.loads(record.read_text())
    stored["meta"]["seed"] = "x"
    record.write_text(json.dumps(stored))
    assert cli.main(["sample", str(folder / "seeded")]) == 1
    assert "is damaged: its record has the seed 'x'" in capsys.readouterr().err


def test_a_wrong_program_is_not_trained(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = folder / "wrong.asi"
    wrong.write_text("model m[D = 4, vocab = 8] {\n  x = embed[D](tokens)\n  return x @ y\n}\n")
    assert cli.main(["train", str(wrong)]) == 1
    shown = capsys.readouterr()
    assert "error[E0101]" in shown.err + shown.out
