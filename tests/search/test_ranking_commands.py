"""The commands `rank`, `noise-floor`, `attribute`, with a world in place of training."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from asiarch.cli import main, names
from asiarch.search.executor import Batch, Report
from asiarch.search.store import Store
from tests.search.fake import World
from tests.unit.search.support import problems


class InProcess:
    """An executor that asks a world at once. `most`: batches before it is interrupted."""

    ran = 0
    most: int | None = None
    world = World()

    def __init__(self, kinds: Mapping[str, object], *, slots: int = 1) -> None:
        self.kinds, self.slots = kinds.keys(), slots
        self._ended: dict[str, Report] = {}

    def __enter__(self) -> InProcess:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def submit(self, batch: Batch) -> str:
        if InProcess.most is not None and InProcess.ran >= InProcess.most:
            raise KeyboardInterrupt
        InProcess.ran += 1
        outcomes = tuple(InProcess.world(job) for job in batch.jobs)
        self._ended[f"b{InProcess.ran}"] = Report(outcomes, {"cpu_seconds": 1.0})
        return f"b{InProcess.ran}"

    def poll(self, timeout: float = 0.0) -> dict[str, Report]:
        reports, self._ended = self._ended, {}
        return reports

    def used(self, handle: str) -> Mapping[str, float]:
        return {}

    def cancel(self, handle: str) -> Mapping[str, float]:
        return {}

    def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def in_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("asiarch.search.ranking.session.LocalProcesses", InProcess)
    monkeypatch.setattr("asiarch.search.lab.POLL", 0.0)
    monkeypatch.setattr(InProcess, "ran", 0)
    monkeypatch.setattr(InProcess, "most", None)
    monkeypatch.chdir(tmp_path)


OWN = """op mine[D](x: Seq[D]) -> Seq[D] where causal {
  state S[D]
  S = 0.5 * S[t-1] + linear[D](x)
  return S * x
}
"""
RANK = ["rank", "mine.asi", "--workers", "1", "--tasks", "update,copy", "--protocol", "full"]
RANK += ["--against", "panel.linc_mixer,panel.delta_mixer", "--seeds", "3"]


def test_the_commands_have_their_names() -> None:
    assert {"rank", "noise-floor", "attribute"} <= set(names())


def test_rank_prints_a_table_and_writes_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.asi").write_text(OWN)
    assert main([*RANK, "--host", "both", "--json", "r.json"]) == 0
    shown = capsys.readouterr()
    assert "3 operators on update.small, copy.small" in shown.err
    assert "without any convolution" in shown.out
    assert shown.out.count("mine") >= 6
    both = json.loads(Path("r.json").read_text())
    assert [r["protocol"]["host"] for r in both] == ["conv", "plain"]
    assert [r["design"]["name"] for r in both[1]["rows"] if r["apart"]] == ["mine"]
    assert problems(Path("runs/rank.db")) == []


def test_an_interrupted_rank_goes_on_and_trains_nothing_twice(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("mine.asi").write_text(OWN)
    monkeypatch.setattr(InProcess, "most", 5)
    assert main(RANK) == 130
    monkeypatch.setattr(InProcess, "most", None)
    before = InProcess.ran
    assert main(RANK) == 0
    first = capsys.readouterr().out
    whole = InProcess.ran
    assert whole > before
    assert main(RANK) == 0
    assert InProcess.ran == whole
    assert capsys.readouterr().out == first
    assert problems(Path("runs/rank.db")) == []
    with Store("runs/rank.db") as store:
        (run,) = store.runs.all()
        assert len(store.knowledge.proposals(run)) == 3
    assert main(["report", "runs/rank.db"]) == 0
    assert "mine" in Path("runs/rank.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["rank", "mine.asi", "--tasks", "updaet"], "did you mean `update"),
        (["rank", "nothing.asi"], "no such file: nothing.asi"),
        (["rank", "nothing.there"], "no mixer of that name"),
        (["rank", "mine.asi:other"], "no mixer `other`; it has mine"),
        (["rank", "mine.asi", "--seeds", "1"], "2 scoring seeds at least"),
        (["rank", "mine.asi", "--bar", "nobody"], "no operator `nobody` is ranked"),
        (["rank", "mine.asi", "--workers", "0"], "--workers is a number"),
        (["noise-floor", "--runs", "5"], "--runs is 9 at least"),
        (["attribute", "mine.asi", "--seeds", "2"], "--seeds is 3 at least"),
        (["attribute", "abcdef12"], "there is no store runs/search.db"),
    ],
)
def test_wrong_calls_are_told_what_to_do(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("mine.asi").write_text(OWN)
    assert main(arguments) in (1, 2)
    assert said in capsys.readouterr().err
    assert InProcess.ran == 0


def test_noise_floor_prints_noise_and_the_protocols_errors(
    capsys: pytest.CaptureFixture[str],
) -> None:
    call = ["noise-floor", "--task", "update", "--runs", "24", "--simulate", "50", "--workers", "1"]
    assert main([*call, "--json", "n.json"]) == 0
    shown = capsys.readouterr().out
    assert "rho" in shown
    assert "family-wise error" in shown
    assert "power at 1.6 sds" in shown
    data = json.loads(Path("n.json").read_text())
    assert len(data["tasks"][0]["pool"]) == 8
    assert data["simulated"]["worst"]["family"]["trials"] == 50
    ran = InProcess.ran
    assert main(call) == 0
    assert InProcess.ran == ran


def test_attribute_prints_effects_and_draws_them(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.asi").write_text(OWN)
    assert main(RANK) == 0
    with Store("runs/rank.db") as store:
        (run,) = store.runs.all()
        known = map(store.knowledge.candidate, store.knowledge.candidates())
        id = next(c.id for c in known if c.op == "mine")
    capsys.readouterr()
    call = ["attribute", id[:12], "--tasks", "update", "--workers", "1", "--grafts", "1"]
    call += ["--store", "runs/rank.db", "--json", "a.json"]
    assert main([*call, "--svg", "a.svg"]) == 0
    shown = capsys.readouterr().out
    assert "lost without it" in shown
    assert "causal" in shown
    assert Path("a.svg").read_text().startswith("<svg")
    assert json.loads(Path("a.json").read_text())["winners"][0]["name"] == "mine"
    # Too few lineages for an association: none is made up.
    assert main([*call, "--run", run]) == 0
    levels = {e["level"] for e in json.loads(Path("a.json").read_text())["evidence"]}
    assert levels == {"causal"}
    assert main([*call, "--run", "nothing"]) == 2
    assert "has no run 'nothing'" in capsys.readouterr().err
