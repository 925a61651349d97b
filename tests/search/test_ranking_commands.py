"""The commands `rank`, `noise-floor`, `attribute`, with a world in place of training."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from asiarch.cli import main, names
from asiarch.search.engineer import Design, Engineer
from asiarch.search.executor import Batch, Report
from asiarch.search.job import Job, Outcome, failed
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
    assert "nothing is lost: the same command goes on" in capsys.readouterr().err
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


def status(arguments: list[str]) -> int:
    try:
        return main(arguments)
    except SystemExit as wrong:
        return int(wrong.code or 0)


def test_what_cannot_be_measured_ends_a_ranking_before_anything_is_trained(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where one of them can be, the others are left out and said below the tables."""
    Path("mine.asi").write_text(OWN)
    refused = failed("cost", "K = 64/3 is no whole number\nand more")
    checks = Engineer.checks

    def checked(self: Engineer, designs: Sequence[Design], task: str) -> list[Outcome]:
        found = checks(self, designs, task)
        return [refused if d.name == "mine" else o for d, o in zip(designs, found, strict=True)]

    monkeypatch.setattr(Engineer, "checks", checked)
    assert main(RANK) == 2
    said = "nothing that was given can be measured: mine: cost, K = 64/3 is no whole number"
    assert capsys.readouterr().err.rstrip().endswith(said)
    with Store("runs/rank.db") as store:
        kinds = {kind for (kind,) in store.db.rows("SELECT kind FROM jobs")}
    assert kinds == {"check"}


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
        (["rank", "mine.asi", "--steps", "-5"], "--steps is a number of training steps"),
        (["rank", "mine.asi", "--json", "nowhere/a.json"], "no such folder: nowhere"),
        (["rank", "mine.asi", "--json", "."], ". is a folder: name a file"),
        (["rank", "mine.asi", "--store", "mine.asi/r.db"], "name another with --store"),
        (["rank", "mine.asi", "-D", "Q=16"], "no operator named here has a size `Q`"),
        (["rank", "mine.asi", "-D", "D=32"], "D is the width of the network"),
        (["rank", "gla.gla", "-D", "K=0"], "the size K must be at least 1, not 0"),
        (["rank", "two.asi"], "it has `two(Seq[D], Seq[D]) -> Seq[D]`"),
        (["attribute", "mine.asi", "--svg", "nowhere/a.svg"], "no such folder: nowhere"),
        (["noise-floor", "--runs", "5"], "--runs is 9 at least"),
        (["attribute", "mine.asi", "--seeds", "2"], "--seeds is 3 at least"),
        (["attribute", "abcdef12"], "there is no store runs/search.db"),
        (["attribute", "mine.asi", "--grafts", "-1"], "-1 is not between 0 and"),
        (["noise-floor", "--simulate", "-5"], "-5 is not between 0 and"),
        (["rank", "mine.asi", "--json", "mine.asi"], "--json mine.asi is a program that is read"),
        (["rank", "mine.asi:mine", "--json", "./mine.asi"], "is a program that is read itself"),
        (["rank", "mine.asi", "--store", "r.db", "--json", "r.db"], "--json r.db is the store"),
        (["attribute", "mine.asi", "--store", "r.db", "--svg", "r.db"], "--svg r.db is the store"),
        (["rank", "mine.asi:"], "mine.asi: names no operator after its colon"),
        (["rank", "mine.asi", "--tasks", ","], "',' names nothing"),
        (["rank", "mine.asi", "--seed", "9" * 25], "is not between -9223372036854775808 and"),
    ],
)
def test_wrong_calls_are_told_what_to_do(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("mine.asi").write_text(OWN)
    Path("two.asi").write_text("op two[D](x: Seq[D], y: Seq[D]) -> Seq[D] {\n  return x + y\n}\n")
    assert status(arguments) in (1, 2)
    assert said in capsys.readouterr().err
    assert Path("mine.asi").read_text() == OWN
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
    ran = InProcess.ran
    assert main([*call, "--run", "nothing", "--seeds", "4"]) == 2
    assert InProcess.ran == ran
    assert "has no run 'nothing'" in capsys.readouterr().err


RANK_ONE = ["rank", "mine.asi", "--workers", "1", "--tasks", "update", "--seeds", "3"]
RANK_ONE += ["--against", "panel.linc_mixer"]
STACK = """model small[D = 64, vocab = 256] {
  x = embed[D](tokens)
  x = x + mine(rmsnorm[D](x))
  return unembed[vocab](rmsnorm[D](x))
}
"""


def test_an_operator_that_a_model_of_its_file_stacks_is_ranked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """So is one whose name another definition has for a value."""
    Path("mine.asi").write_text(OWN + STACK)
    assert main(RANK_ONE) == 0
    assert "mine" in capsys.readouterr().out
    value = "op second[D](x: Seq[D]) -> Seq[D] where causal {\n  mine = tanh(x)\n  return mine\n}\n"
    Path("mine.asi").write_text(OWN + value)
    assert main(RANK_ONE) == 0
    shown = capsys.readouterr().out
    assert "mine" in shown
    assert "second" in shown


def test_what_is_measured_once_under_another_name_is_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("mine.asi").write_text(OWN + OWN.replace("mine", "twin"))
    assert main(RANK_ONE) == 0
    assert "`twin` is the same operator as `mine`" in capsys.readouterr().err


def test_the_end_that_a_machine_asks_for_is_that_of_ctrl_c(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("mine.asi").write_text(OWN)
    before = signal.getsignal(signal.SIGTERM)

    def terminated(job: Job) -> Outcome:
        os.kill(os.getpid(), signal.SIGTERM)
        return World()(job)

    monkeypatch.setattr(InProcess, "world", terminated)
    assert main(RANK_ONE) == 130
    assert "nothing is lost" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGTERM) is before
    assert problems(Path("runs/rank.db")) == []
    with Store("runs/rank.db") as store:
        assert store.db.rows("SELECT count(*) FROM leases") == [(0,)]


def test_names_that_two_operators_have_are_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.asi").write_text(OWN.replace("mine", "linc_mixer"))
    assert main([*RANK_ONE, "--json", "r.json"]) == 0
    capsys.readouterr()
    (found,) = json.loads(Path("r.json").read_text())
    names = {r["design"]["name"] for r in found["rows"]}
    assert names == {"linc_mixer", "linc_mixer (mine.asi)"}
    assert found["bar"] == "linc_mixer"


def test_another_seed_is_another_run_of_the_same_store() -> None:
    Path("mine.asi").write_text(OWN)
    assert main(RANK_ONE) == 0
    ran = InProcess.ran
    assert main([*RANK_ONE, "--seed", "1"]) == 0
    assert InProcess.ran > ran
    with Store("runs/rank.db") as store:
        one, other = store.runs.all()
    assert other == f"{one} seed 1"


def test_without_torch_a_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("mine.asi").write_text(OWN)

    def missing(name: str) -> None:
        assert name == "torch"

    monkeypatch.setattr("asiarch.commands.support.libraries.find_spec", missing)
    for call in (RANK_ONE, ["attribute", "mine.asi"], ["noise-floor"], ["search"]):
        assert main(call) == 1
        assert "needs torch: pip install" in capsys.readouterr().err
