"""Runs become results: AdamW, 10 % linear warm-up, cosine to a tenth, gradients clipped at 1.

Rows depend on the seed and the step alone, weights on the seed and their path, test rows on
nothing, so that runs of one seed are paired. A run gives the same result alone and among others.
Uses as many threads as torch is set to; one per process is best at these sizes.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from time import monotonic, perf_counter

import torch
from torch import Tensor, nn
from torch.nn import functional

from asiarch.codegen.plan import Unsupported
from asiarch.interface import BackendError, SizeError
from asiarch.language.diagnostics import SpecError
from asiarch.train import evaluate, trainer
from asiarch.train.tasks.adam import Adam
from asiarch.train.tasks.base import IGNORED, Batch, Task
from asiarch.train.tasks.build import Built, Predictor, build
from asiarch.train.tasks.host import Hosted, HostError
from asiarch.train.tasks.match import Checked, Unmatched, checked, matched
from asiarch.train.tasks.run import SOLVED, Result, Run, failed

Progress = Callable[[int, int, float], None]
"""Called after a step with the steps done, those of all runs together, and the last loss."""

POINTS = 200
"""Of a curve, at most."""


def train(
    runs: Sequence[Run], *, progress: Progress | None = None, deadline: float | None = None
) -> list[Result]:
    """A result for each run, in their order. Raises nothing for a run that fails.

    deadline: seconds of `time.monotonic()`; what is not done by then has failed with `timeout`.
    Ctrl-C raises as usual: nothing is stored here, so nothing is half stored.
    Raises `ValueError` for a task that does not exist.
    """
    results: dict[int, Result] = {}
    counter = _Counter(progress, sum(_steps(run) for run in runs))
    for group in grouped(runs):
        trained = _group([runs[n] for n in group], counter, deadline)
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
class _Subject:
    """What the runs of a group have in common."""

    hosted: Hosted
    facts: Checked
    built: Built
    task: Task
    steps: int
    batch: int


def _group(runs: Sequence[Run], counter: _Counter, deadline: float | None) -> list[Result]:
    try:
        subject = _subject(runs[0])
    except Refused as refused:
        return [failed(refused.reason, str(refused)) for _ in runs]
    return [_one(subject, run, counter, deadline) for run in runs]


class Refused(Exception):
    """A run that cannot begin; `reason` is one of type, causal, compile, cost."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def _subject(run: Run) -> _Subject:
    task = run.definition
    try:
        hosted = run.hosted
        if run.parameters is not None:
            hosted = matched(hosted, run.parameters)
        facts = checked(hosted)
        if facts.errors:
            code, message = facts.errors[0]
            raise Refused("causal" if code.startswith("E03") else "type", f"{code}: {message}")
        if not facts.causal:
            raise Refused("causal", f"`{run.op}` reads later tokens")
        built = build(hosted)
    except Unmatched as error:
        raise Refused("cost", str(error)) from error
    except (HostError, SpecError, SizeError) as error:
        raise Refused("type", str(error)) from error
    except (BackendError, Unsupported) as error:
        raise Refused("compile", str(error)) from error
    return _Subject(hosted, facts, built, task, _steps(run), run.batch or task.batch)


def _one(subject: _Subject, run: Run, counter: _Counter, deadline: float | None) -> Result:
    began = perf_counter()
    predictor = subject.built.predictor(run.seed)
    adam = Adam(list(predictor.parameters()), [run.learning_rate], subject.steps, None)
    losses: list[float] = []
    with repeatable():
        predictor.train()
        for step in range(subject.steps):
            if deadline is not None and monotonic() > deadline:
                return failed("timeout", f"{step} of {subject.steps} steps were done in time")
            batch = subject.task.training(run.seed, step, subject.batch)
            losses.append(_step(predictor, adam, batch, run.seed, step))
            counter.step(1, losses[-1])
            if not adam.all_alive:
                counter.done += subject.steps - step - 1
                return _died(losses, run)
        tests = dict(_tests(predictor, subject.task))
    return finished(subject, predictor, losses, tests, perf_counter() - began)


def repeatable() -> AbstractContextManager[None]:
    """Sums in one order. One thread has one order, and torch's other algorithms cost a quarter."""
    if torch.get_num_threads() == 1:
        return nullcontext()
    return trainer.repeatable(torch.device("cpu"))


def _step(predictor: Predictor, adam: Adam, batch: Batch, seed: int, step: int) -> float:
    # Dropout draws from the global generator: keyed like the batch.
    key = hashlib.blake2b(f"step {seed} {step}".encode(), digest_size=8).digest()
    torch.manual_seed(int.from_bytes(key, "little") >> 1)
    adam.zero()
    trainer.tell_step(predictor, step)
    ids, targets = torch.from_numpy(batch.ids), torch.from_numpy(batch.targets)
    loss = cross_entropy(predictor(ids), targets)
    (loss + trainer.auxiliary_loss(predictor)).backward()
    adam.step(loss[None])
    return float(loss.detach())


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean nats of the targets that are asked for."""
    return functional.cross_entropy(
        logits.flatten(0, 1).float(), targets.flatten(), ignore_index=IGNORED
    )


def _tests(predictor: nn.Module, task: Task) -> Iterator[tuple[str, tuple[float, float]]]:
    """Loss and accuracy of every part, over all answers alike."""
    with evaluate.evaluating(predictor):
        for part in task.parts:
            rows = task.testing(part)
            ids, targets = torch.from_numpy(rows.ids), torch.from_numpy(rows.targets)
            loss, right = 0.0, 0
            size = max(1, evaluate.TOKENS_AT_ONCE // ids.shape[1])
            for first in range(0, len(ids), size):
                i, t = ids[first : first + size], targets[first : first + size]
                logits = predictor(i)
                count = int((t != IGNORED).sum())
                loss += float(cross_entropy(logits, t)) * count
                right += int((logits.argmax(-1) == t).sum())
            total = int((targets != IGNORED).sum())
            yield part, (loss / total, right / total)


def _died(losses: Sequence[float], run: Run) -> Result:
    detail = f"not finite at step {len(losses)}; the learning rate is {run.learning_rate:g}"
    return replace(failed("nan", detail), steps=len(losses), curve=curve(losses[:-1]))


def finished(
    subject: _Subject,
    predictor: Predictor,
    losses: Sequence[float],
    tests: dict[str, tuple[float, float]],
    seconds: float,
) -> Result:
    """The result of a run that came to its end."""
    points = curve(losses)
    best = min(range(len(points)), key=points.__getitem__)
    time = subject.task.time
    hidden = subject.hosted.hidden
    return Result(
        status="done",
        auc=sum(losses) / len(losses),
        final_loss=tests["test"][0],
        metrics=_metrics(tests),
        curve=points,
        steps=len(losses),
        best_step=round((best + 1) * len(losses) / len(points)),
        parameters=evaluate.parameter_count(predictor),
        hidden=hidden,
        state_floats=evaluate.state_floats(predictor.model, time),
        flops_per_token=float(subject.facts.work.evaluate({"F": hidden, "T": time})) / time,
        seconds=seconds,
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
    return tuple(sum(losses[a:b]) / (b - a) for a, b in itertools.pairwise(cuts))
