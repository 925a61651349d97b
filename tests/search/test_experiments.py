"""The experiments' pages say what worlds are like: facts, their opposites, and what is open."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from asiarch.search.job import Job, Outcome, blob_name, done
from asiarch.search.lab import FakeLab
from asiarch.search.store import Store
from benchmarks import asi_arch_control, known_facts
from benchmarks.experiments import Bench, Found, Part
from tests.search.fake import normal

Better = Callable[[str, str], float]


def world(better: Better, solved: Callable[[str, str], bool], names: Mapping[str, str]) -> FakeLab:
    """Of operators by short name and task: how many sds they are better, whether they solve it."""

    def run(job: Job) -> Outcome:
        if job.kind == "check":
            return done(
                {"parameters": 7e4, "hidden": 100, "flops_per_token": 1e5, "state_floats": 2048}
            )
        name = names[str(job.spec["program"]) + str(job.spec["sizes"])]
        task, seed = str(job.spec["task"]), job.spec["seed"]
        loss = 3 + normal(task, seed) + 0.1 * normal(name, task, seed) - 0.1 * better(name, task)
        done_ = float(solved(name, task))
        metrics = {"solved": done_, "solved_long": done_, "accuracy": done_, "accuracy_long": done_}
        final = 0.0 if done_ else 9.9
        return done({"auc": loss, "final_loss": final, "metrics": metrics}, seconds=1.0)

    return FakeLab(run)


def measured(part: Part, seeds: int, better: Better, solved: Any, tmp_path: Path) -> Found:
    names = {
        blob_name(d.text.encode()) + str([list(p) for p in d.sizes]): d.name.removesuffix("_mixer")
        for d in part.designs
    }
    lab = world(better, solved, names)

    class Fake(Bench):
        def _lab(self, *_: object) -> FakeLab:
            return lab

    with Store(tmp_path / "s.db") as store:
        found = Fake(store, None, 0).found(part, seeds)
    assert found is not None
    return found


def part(key: str) -> Part:
    return next(p for p in known_facts.parts(False) if p.key == key)


def never(name: str, task: str) -> bool:
    return False


def facts(key: str, better: Better, solved: Any, tmp_path: Path) -> dict[str, str]:
    found = measured(part(key), 6, better, solved, tmp_path)
    return {v.claim: v.said for v in known_facts.verdicts(key, found)}


def test_delta_rules_that_are_better_come_out_and_the_reverse_is_said(tmp_path: Path) -> None:
    def known(name: str, task: str) -> float:
        return 12.0 if name in known_facts.DELTA else 0.0

    said = facts("overwriting", known, never, tmp_path)
    assert len(said) == 12
    assert set(said.values()) == {"comes out"}
    assert all("at 2,048 state floats each" in claim for claim in said)
    opposite = facts("overwriting", lambda n, t: -known(n, t), never, tmp_path)
    assert set(opposite.values()) == {"reversed"}


def test_nothing_comes_out_of_noise(tmp_path: Path) -> None:
    said = facts("overwriting", lambda n, t: 0.0, never, tmp_path)
    assert sum(v == "open" for v in said.values()) >= 10


def test_state_tracking_is_told_by_who_solves_it(tmp_path: Path) -> None:
    said = facts("parity", lambda n, t: 0.0, lambda n, t: n == "delta2", tmp_path)
    assert set(said.values()) == {"comes out"}
    assert len(said) == 2 + 13 - 1 + (len(part("parity").designs) - 13)
    wrong = facts("parity", lambda n, t: 0.0, lambda n, t: n == "linc", tmp_path)
    assert wrong["delta2 learns parity.small"] == "does not come out"
    assert wrong["linc does not learn parity.small"] == "does not come out"


def test_failing_says_something_only_where_a_memory_learns(tmp_path: Path) -> None:
    said = facts("no memory", lambda n, t: 0.0, lambda n, t: n == "delta", tmp_path)
    assert said["none fails mqar.small"] == "comes out"
    unlearnt = facts("no memory", lambda n, t: 0.0, never, tmp_path)
    assert set(unlearnt.values()) == {"open"}


def test_small_states_are_ordered_by_state_and_rule(tmp_path: Path) -> None:
    def known(name: str, task: str) -> float:
        size = 4 if "4x4" in name else 8 if "8x8" in name else 32
        return size + (9.0 if name.startswith(("delta", "gdn")) else 0.0)

    said = facts("small mqar", known, never, tmp_path)
    assert "linc 8x8 beats linc 4x4 on mqar.small" in said
    assert "delta beats linc on mqar.small at K = V = 4" in said
    assert set(said.values()) == {"comes out"}


def test_a_page_names_what_is_not_measured_yet(tmp_path: Path) -> None:
    found = measured(part("copying"), 2, lambda n, t: 0.0, never, tmp_path)
    text = known_facts.page({"copying": found})
    assert text.count("Not measured yet.") == len(known_facts.TITLES) - 1
    assert "2 seeds" in text


def test_a_store_without_runs_has_no_part(tmp_path: Path) -> None:
    with Store(tmp_path / "s.db") as store:
        assert Bench(store, None, 0).found(part("copying"), 2) is None


@pytest.mark.parametrize(("gain", "sure"), [(20.0, True), (0.0, False)])
def test_the_gallery_is_judged_by_one_rule(gain: float, sure: bool, tmp_path: Path) -> None:
    first = [part for _, part in asi_arch_control.passes(False)][:2]
    assert len(first[0].designs) >= 10
    winner = first[0].designs[2].name

    def better(name: str, task: str) -> float:
        return gain if name == winner else 0.0

    latest = {p.key: measured(p, 5, better, never, tmp_path) for p in first}
    text = asi_arch_control.page(latest)
    assert (f"By Holm's test: {winner}." in text) == sure
    assert ("By Holm's test: none." in text) != sure
    assert "Of 10 architectures on 2 tasks with 5 seeds" in text
    joined = asi_arch_control.joined(latest)
    assert joined is not None
    assert joined[0].tasks == ("update.small", "copy.small")


def test_a_first_pass_gives_a_table_without_a_test(tmp_path: Path) -> None:
    (_, first), *_ = asi_arch_control.passes(False)
    latest = {first.key: measured(first, 2, lambda n, t: 0.0, never, tmp_path)}
    assert "Too few seeds for a test." in asi_arch_control.page(latest)
