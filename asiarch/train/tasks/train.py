"""Runs become results: AdamW, 10 % linear warm-up, cosine to a tenth, gradients clipped at 1.

Rows depend on the seed and the step alone, weights on the seed and their path, test rows on
nothing, so that runs of one seed are paired. Uses as many threads as torch is set to; one per
process is best at these sizes.

Runs that differ in seed and learning rate alone are trained as one module where that is faster:
when a step of one of them has at most `TOGETHER` tokens (`python benchmarks/replicas.py`). By the
same rule a run alone is a module of one replica, so that company changes no more than the order in
which gradients of the smallest parameters are summed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from itertools import pairwise
from time import monotonic, perf_counter

import torch

from asiarch.codegen.plan import Unsupported
from asiarch.interface import BackendError, SizeError
from asiarch.ir.replicate import Unreplicable
from asiarch.language.diagnostics import SpecError
from asiarch.train import evaluate, trainer
from asiarch.train.tasks.base import Task
from asiarch.train.tasks.build import Built, build
from asiarch.train.tasks.host import Hosted, HostError
from asiarch.train.tasks.learner import Learner
from asiarch.train.tasks.match import Checked, Unmatched, checked, matched
from asiarch.train.tasks.profile import matmul_share
from asiarch.train.tasks.run import SOLVED, Result, Run, failed

Progress = Callable[[int, int, float], None]
"""Called after a step with the steps done, those of all runs together, and the mean loss."""

POINTS = 200
"""Of a curve, at most."""

TOGETHER = 1024
"""Tokens of a step of one run up to which replicas are one module."""

MOST = 8
"""Replicas of one module: more gain little and take their memory."""


def train(
    runs: Sequence[Run],
    *,
    progress: Progress | None = None,
    deadline: float | None = None,
    together: bool | None = None,
    profile: bool = False,
) -> list[Result]:
    """A result for each run, in their order. Raises nothing for a run that fails.

    deadline: seconds of `time.monotonic()`; what is not done by then has failed with `timeout`.
    together: whether runs of a group are one module; None for the faster.
    profile: measure `matmul_share` as well, which takes some steps more.
    Ctrl-C raises as usual: nothing is stored here, so nothing is half stored.
    Raises `ValueError` for a task that does not exist.
    """
    results: dict[int, Result] = {}
    counter = _Counter(progress, sum(_steps(run) for run in runs))
    for group in grouped(runs):
        trained = _group([runs[n] for n in group], counter, deadline, together, profile)
        results.update(zip(group, trained, strict=True))
    return [results[n] for n in range(len(runs))]


def grouped(runs: Sequence[Run]) -> list[list[int]]:
    """Places of runs that differ in seed and learning rate alone."""
    found: dict[Run, list[int]] = {}
    for place, run in enumerate(runs):
        found.setdefault(replace(run, seed=0, learning_rate=1.0), []).append(place)
    return list(found.values())


@dataclass(slots=True)
class _Counter:
    progress: Progress | None
    total: int
    done: int = 0

    def step(self, count: int, loss: float) -> None:
        self.done += count
        if self.progress is not None:
            self.progress(self.done, self.total, loss)


def _steps(run: Run) -> int:
    return run.steps or run.definition.steps


@dataclass(frozen=True, slots=True)
class Subject:
    """What the runs of a group have in common."""

    hosted: Hosted
    facts: Checked
    built: Built
    task: Task
    steps: int
    batch: int

    @property
    def tokens(self) -> int:
        """Of a step of one run."""
        return self.batch * self.task.time

    def learner(self, runs: Sequence[Run], together: bool) -> Learner:
        return Learner(self.built, self.task, runs, self.steps, self.batch, together)


class Refused(Exception):
    """A run that cannot begin; `reason` is one of type, causal, compile, cost."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def subject(run: Run) -> Subject:
    """All of a run but its seed and learning rate, checked and compiled. Raises `Refused`."""
    task = run.definition
    try:
        hosted = run.hosted
        facts = _sound(hosted, run)
        if run.parameters is not None:
            hosted = matched(hosted, run.parameters)
            facts = _sound(hosted, run)
        built = build(hosted)
    except Unmatched as error:
        raise Refused("cost", str(error)) from error
    except (HostError, SpecError, SizeError) as error:
        raise Refused("type", str(error)) from error
    except (BackendError, Unsupported) as error:
        raise Refused("compile", str(error)) from error
    return Subject(hosted, facts, built, task, _steps(run), run.batch or task.batch)


def _sound(hosted: Hosted, run: Run) -> Checked:
    """Facts of a network without errors that reads no later token. Raises `Refused`."""
    facts = checked(hosted)
    if facts.errors:
        code, message = facts.errors[0]
        raise Refused("causal" if code.startswith("E03") else "type", f"{code}: {message}")
    if not facts.causal:
        raise Refused("causal", f"`{run.op}` reads later tokens")
    return facts


def _group(
    runs: Sequence[Run],
    counter: _Counter,
    deadline: float | None,
    together: bool | None,
    profile: bool,
) -> list[Result]:
    try:
        common = subject(runs[0])
        results: list[Result] = []
        for learner in _learners(common, runs, together):
            trained = _trained(common, learner, counter, deadline)
            if profile:
                share = matmul_share(learner)
                trained = [replace(result, matmul_share=share) for result in trained]
            results += trained
        return results
    except Refused as refused:
        return [failed(refused.reason, str(refused)) for _ in runs]
    except (BackendError, Unsupported) as error:
        return [failed("compile", str(error)) for _ in runs]


def _learners(common: Subject, runs: Sequence[Run], together: bool | None) -> Iterator[Learner]:
    """One after another, so that what has been trained takes no memory."""
    if together is None:
        together = common.tokens <= TOGETHER
    most = MOST if together else 1
    for first in range(0, len(runs), most):
        part = runs[first : first + most]
        try:
            yield common.learner(part, together)
        except Unreplicable:
            for run in part:
                yield common.learner([run], False)


@dataclass(slots=True)
class _Course:
    """The losses of one run, and where it died."""

    losses: list[float] = field(default_factory=list[float])
    died: int | None = None


def _trained(
    common: Subject, learner: Learner, counter: _Counter, deadline: float | None
) -> list[Result]:
    began = perf_counter()
    count = len(learner.runs)
    courses = [_Course() for _ in learner.runs]
    with repeatable():
        learner.predictor.train()
        for step in range(common.steps):
            if deadline is not None and monotonic() > deadline:
                detail = f"{step} of {common.steps} steps were done in time"
                return [failed("timeout", detail) for _ in learner.runs]
            losses = learner.step(step)
            living = learner.living
            for course, loss, alive in zip(courses, losses, living, strict=True):
                if course.died is None:
                    course.losses.append(loss)
                    course.died = None if alive else step + 1
            counter.step(count, sum(losses) / count)
            if not any(living):
                counter.done += count * (common.steps - step - 1)
                break
        nothing: list[dict[str, tuple[float, float]]] = [{} for _ in courses]
        tests = learner.tests() if any(learner.living) else nothing
    parts = zip(learner.runs, courses, tests, strict=True)
    share = (perf_counter() - began) / count
    return [_result(common, run, course, test, share, count) for run, course, test in parts]


def repeatable() -> AbstractContextManager[None]:
    """Sums in one order. One thread has one order, and torch's other algorithms cost a quarter."""
    if torch.get_num_threads() == 1:
        return nullcontext()
    return trainer.repeatable(torch.device("cpu"))


def _result(
    common: Subject,
    run: Run,
    course: _Course,
    tests: dict[str, tuple[float, float]],
    seconds: float,
    replicas: int,
) -> Result:
    losses = course.losses
    if course.died is not None:
        detail = f"not finite at step {course.died}; the learning rate is {run.learning_rate:g}"
        return replace(
            failed("nan", detail),
            steps=len(losses),
            curve=curve(losses[:-1]),
            seconds=seconds,
            replicas=replicas,
        )
    points = curve(losses)
    best = min(range(len(points)), key=points.__getitem__)
    hidden, time = common.hosted.hidden, common.task.time
    alone = common.built.predictor(0)
    return Result(
        status="done",
        auc=sum(losses) / len(losses),
        final_loss=tests["test"][0],
        metrics=_metrics(tests),
        curve=points,
        steps=len(losses),
        best_step=round((best + 1) * len(losses) / len(points)),
        parameters=evaluate.parameter_count(alone),
        hidden=hidden,
        state_floats=evaluate.state_floats(alone.model, time),
        flops_per_token=float(common.facts.work.evaluate({"F": hidden, "T": time})) / time,
        seconds=seconds,
        replicas=replicas,
    )


def _metrics(tests: dict[str, tuple[float, float]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for part, (loss, accuracy) in tests.items():
        end = "" if part == "test" else f"_{part.replace(' ', '_')}"
        found[f"accuracy{end}"] = accuracy
        found[f"solved{end}"] = float(accuracy >= SOLVED)
        if end:
            found[f"loss{end}"] = loss
    return found


def curve(losses: Sequence[float]) -> tuple[float, ...]:
    """Means of at most `POINTS` stretches that are as equal as they can be."""
    count = min(POINTS, len(losses))
    cuts = [round(n * len(losses) / count) for n in range(count + 1)] if count else []
    return tuple(sum(losses[a:b]) / (b - a) for a, b in pairwise(cuts))
