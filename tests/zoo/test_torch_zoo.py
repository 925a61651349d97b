"""`audit` finds the leak of every module in the zoo, by the law that it names, and passes its twin.

`pytest tests/zoo -s -k table` prints what was found and where.
"""

from __future__ import annotations

import sys
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
import torch

from asiarch import cli, laws
from asiarch.commands.support.construct import build
from asiarch.commands.support.target import find, load
from tests.zoo.zoo import SMALL, Pair, pairs

PAIRS = pairs(".py")
MOST = 4
"""Pairs of one mechanism."""


@pytest.fixture(autouse=True)
def same_imports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))


@cache
def audited(path: Path) -> laws.Report:
    """What `asiarch audit PATH` finds, without the process."""
    torch.manual_seed(0)
    module = load(str(path))
    target = find(module, str(path), "")
    return laws.audit(build(target.__name__, target, {}, vars(module)).module)


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_a_leak_is_found_by_its_law(pair: Pair) -> None:
    report = audited(pair.leak)
    assert pair.law in {v.law for v in report.failures}, str(report)
    witness = report[pair.law].witness
    assert witness is not None
    if pair.law.startswith(("prefix", "gradient")):
        assert witness.changed_token is not None
        assert witness.affected_token is not None
        assert witness.changed_token > witness.affected_token
    if pair.law.startswith("prefix"):
        assert witness.where is not None
        assert f"{pair.leak.name} line " in witness.where


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_its_twin_passes(pair: Pair) -> None:
    report = audited(pair.twin)
    assert report.ok, str(report)
    # The law that finds the leak was really tried on the twin.
    assert report[pair.law].status == "ok", str(report)


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_a_twin_is_one_small_edit_away(pair: Pair) -> None:
    edit = pair.edit()
    removed = [line for line in edit if line.startswith("-")]
    assert 0 < max(len(removed), len(edit) - len(removed)) <= SMALL, edit


def test_no_mechanism_fills_the_zoo_and_no_two_modules_are_the_same() -> None:
    assert max(Counter(p.mechanism for p in PAIRS).values()) <= MOST
    texts = [p.read_text("utf-8").split('"""', 2)[2] for q in PAIRS for p in (q.leak, q.twin)]
    bare = ["".join(text.split()) for text in texts]
    assert len(set(bare)) == len(bare)


def test_the_command_says_so_by_its_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    pair = next(p for p in PAIRS if p.leak.stem == "same_padding")
    assert cli.main(["audit", str(pair.leak)]) == 1
    out = capsys.readouterr().out
    assert "changing token 1 changed the output at token 0 (batch row 0) by" in out
    assert "first seen in `conv` (Conv1d), same_padding.py line" in out
    assert cli.main(["audit", str(pair.twin), "--arg", "dim=8"]) == 0
    assert "all 6 laws that apply hold" in capsys.readouterr().out


def test_table() -> None:
    for pair in PAIRS:
        witness = audited(pair.leak)[pair.law].witness
        print(f"{pair!s:<26}{pair.mechanism:<32}{pair.source:<40}{pair.law}: {witness}")
