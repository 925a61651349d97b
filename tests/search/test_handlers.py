"""What runs in the engineer's children: real networks, tiny runs, no text but what was emitted."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from asiarch.search.engineer import Design, Setting, artefacts, handlers
from asiarch.search.engineer.jobs import audit_job, check_job, train_job
from asiarch.search.job import Context, Job
from asiarch.train.tasks.registry import TASKS
from asiarch.train.tasks.train import subject
from tests.search.fake import design

GOOD = design("good")
SETTING = Setting(steps=6, batch=4)
TASK = "update.small"


def context(made: Design, *jobs: Job, seconds: float = 300.0) -> Context:
    blobs = {str(job.spec["program"]): made.text.encode() for job in jobs}
    return Context(Path(), time.monotonic() + seconds, blobs)


def changed(old: str, new: str) -> Design:
    assert old in GOOD.text
    return replace(GOOD, text=GOOD.text.replace(old, new))


def checked(made: Design, setting: Setting = SETTING) -> Any:
    job = check_job(made, TASK, setting)
    return handlers.check([job], context(made, job))[0]


def test_a_check_measures_what_a_mixer_costs() -> None:
    found = checked(GOOD)
    assert found.status == "done"
    assert found.values["state_floats"] > 0
    assert found.values["flops_per_token"] > 1000
    matched = checked(GOOD, replace(SETTING, parameters={TASK: 60_000}))
    assert abs(int(matched.values["parameters"]) - 60_000) <= 1200


def test_effort_says_what_work_does_not() -> None:
    """Matrices that a convolution reads are written down, token by token."""
    text = """op mixer[D, K = 16](x: Seq[D]) -> Seq[D] where causal {
  q = linear[K](x)
  state S[K, D]
  S = 0.5 * S[t-1] + linear[K](x) * x
  return q @ S
}
"""
    read, written = (replace(GOOD, text=t) for t in (text, text.replace("q @ S", "q @ conv[2](S)")))
    fast, slow = (checked(d).values for d in (read, written))
    assert slow["flops_per_token"] < 1.5 * fast["flops_per_token"]
    assert slow["effort"] > 3 * fast["effort"]
    assert checked(read).values == fast


def test_what_cannot_be_matched_is_refused_for_its_cost() -> None:
    found = checked(GOOD, replace(SETTING, parameters={TASK: 1000}))
    assert (found.status, found.reason) == ("failed", "cost")
    assert "cannot be brought within" in str(found.values["message"])


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [("S * x", "S * y", "type"), ("S * x", "S * x[t+1]", "causal"), ("mixer[D]", "m[D]", "type")],
)
def test_what_is_no_mixer_has_a_reason(old: str, new: str, reason: str) -> None:
    found = checked(changed(old, new))
    assert (found.status, found.reason) == ("failed", reason)


def test_a_law_that_fails_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: a compiled network that reads the token after."""

    class Leaks(torch.nn.Module):
        def __init__(self, inner: torch.nn.Module) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = self.inner(ids)
            return out + out.roll(-1, 1)

    own = handlers.lawful
    monkeypatch.setattr(handlers, "lawful", lambda model, ids: own(Leaks(model), ids))
    found = checked(GOOD)
    assert (found.status, found.reason) == ("failed", "law")
    assert found.values["message"]


def test_runs_of_a_group_train_and_count_their_work() -> None:
    jobs = [train_job(GOOD, TASK, SETTING, seed, 5e-3) for seed in (1, 2)]
    found = handlers.train(jobs, context(GOOD, *jobs))
    assert [o.status for o in found] == ["done", "done"]
    values = [o.values["auc"] for o in found]
    assert values[0] != values[1]
    tokens = 6 * 4 * TASKS[TASK].time
    per_token = float(found[0].values["flops_per_token"])  # type: ignore[arg-type]
    assert found[0].flops == pytest.approx(3 * per_token * tokens)


def test_a_run_that_explodes_is_nan_and_one_without_time_is_timeout() -> None:
    (wild,) = [train_job(changed("0.5 *", "40 *"), TASK, SETTING, 1, 1e6)]
    assert handlers.train([wild], context(changed("0.5 *", "40 *"), wild))[0].reason == "nan"
    job = train_job(GOOD, TASK, SETTING, 1, 5e-3)
    assert handlers.train([job], context(GOOD, job, seconds=0.0))[0].reason == "timeout"


def test_an_audit_finds_nothing_where_there_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artefacts, "STEPS", 20)
    job = audit_job(GOOD, TASK, SETTING, 7, 5e-3)
    (found,) = handlers.audit([job], context(GOOD, job))
    assert set(found.values) == {"shuffled labels", "overlap", "laws"}
    assert all(finding["ok"] for finding in found.values.values())  # type: ignore[index, call-overload]


def test_planted_artefacts_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    job = audit_job(GOOD, TASK, SETTING, 7, 5e-3)
    run = handlers.run_of(job, context(GOOD, job))
    common = subject(run)
    # Test rows that are drawn as the first training step is.
    task = common.task
    leaking = replace(
        common, task=replace(task, source=Repeating(task.source)), batch=256
    )  # fmt: skip
    assert not _ok(artefacts.overlap(run, leaking))
    # Labels that are not shuffled at all are learnt, which the finding takes for a leak.
    constant = replace(common, task=replace(task, source=Repeating(task.source)), batch=32)
    monkeypatch.setattr(artefacts, "Shuffled", lambda source: source)
    monkeypatch.setattr(artefacts, "STEPS", 60)
    fast = replace(run, learning_rate=2e-2)
    assert not _ok(artefacts.shuffled_labels(fast, constant))


def _ok(finding: Mapping[str, Any]) -> bool:
    return bool(finding["ok"])


class Repeating:
    """Draws the same rows for training and tests."""

    def __init__(self, source: Any) -> None:
        self.source = source
        self.vocabulary, self.parts = source.vocabulary, source.parts

    def draw(self, rng: Any, rows: int, part: str) -> Any:
        import numpy as np

        return self.source.draw(np.random.default_rng(0), rows, part)


HOOKED = """
import json, sys, time
from pathlib import Path
from asiarch.search.engineer import handlers
from asiarch.search.engineer.jobs import Setting, check_job, train_job
from asiarch.search.job import Context
from tests.search.fake import design

made = design("watched")
setting = Setting(steps=2, batch=2)
jobs = [check_job(made, "update.small", setting)]
trains = [train_job(made, "update.small", setting, 1, 1e-3)]
blobs = {str(j.spec["program"]): made.text.encode() for j in jobs}
context = Context(Path(), time.monotonic() + 300, blobs)
other = design("warm", "warm")
warm = check_job(other, "update.small", setting)
warm_train = train_job(other, "update.small", setting, 1, 1e-3)
warmed = Context(Path(), time.monotonic() + 300, {str(warm.spec["program"]): other.text.encode()})
handlers.check([warm], warmed), handlers.train([warm_train], warmed)
seen, on = [], [True]

def hook(event, arguments):
    if not on[0]:
        return
    if event in ("exec", "compile", "import", "os.system", "os.exec", "os.posix_spawn", "os.fork",
                 "subprocess.Popen", "socket.connect", "socket.bind", "ctypes.dlopen"):
        what = arguments[0]
        name = getattr(what, "co_filename", None) or (
            arguments[1] if event == "compile" else what)
        seen.append([event, str(name)])

sys.addaudithook(hook)
eval(compile("1 + 1", "<planted>", "eval"))
checks, runs = handlers.check(jobs, context), handlers.train(trains, context)
on[0] = False
print(json.dumps({"seen": seen, "status": [o.status for o in [*checks, *runs]]}))
"""


def watched() -> tuple[list[str], list[list[str]]]:
    out = subprocess.run([sys.executable, "-c", HOOKED], capture_output=True, text=True, check=True)
    found = json.loads(out.stdout.splitlines()[-1])
    return found["status"], strange(found["seen"])


def strange(seen: list[list[str]]) -> list[list[str]]:
    """What is neither an import, nor about a text that our compiler emitted, nor a parse: kernels
    are read by `ast`, which compiles under this name and executes nothing.
    """
    return [
        [event, what]
        for event, what in seen
        if event != "import"
        and not (event in ("exec", "compile") and what.startswith("<asiarch "))
        and (event, what) != ("compile", "<unknown>")
    ]


def test_nothing_but_emitted_text_is_executed_in_a_handler() -> None:
    """With a planted execution of another text, which alone is seen."""
    status, found = watched()
    assert status == ["done", "done"]
    assert found == [["compile", "<planted>"], ["exec", "<planted>"]]
