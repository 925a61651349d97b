"""Handlers of the engineer's jobs; they run in child processes.

What a proposer wrote is parsed, checked and compiled by our compiler; only the text that it emits
is executed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch

from asiarch import laws
from asiarch.codegen.plan import Unsupported
from asiarch.codegen.torch_backend import emit
from asiarch.interface import BackendError
from asiarch.search.engineer.artefacts import artefacts
from asiarch.search.engineer.effort import effort
from asiarch.search.job import Context, Job, Json, Outcome, done, failed
from asiarch.train import evaluate
from asiarch.train.tasks.profile import matmul_share
from asiarch.train.tasks.run import Result, Run
from asiarch.train.tasks.train import TOGETHER, Refused, Subject, subject
from asiarch.train.tasks.train import train as train_runs

TOKENS = 17
"""Of a row of the fast laws: one after a chunk, and a window, of 16. Each costs several runs."""
AUDITED = 49
"""Of a row of an audit."""

NETWORK = "update.small"
USUAL = """op usual[D, H = 2, K = D / H, V = D / H](x: Seq[D]) -> Seq[D] where causal {
  q = x |> linear[H, K] |> conv[4] |> silu |> l2norm[K]
  k = x |> linear[H, K] |> conv[4] |> silu |> l2norm[K]
  v = x |> linear[H, V]
  a = sigmoid(linear[H](x))
  state S[H, K, V]
  S = a * S[t-1] + k * v
  return linear[H, V -> D](rmsnorm[V](q @ S) * silu(linear[H, V](x)))
}
"""
"""What is compiled before there are jobs, and in the network of which task."""

STEPS = 10
"""Steps whose mean time is told, after those of the profile."""

BACKWARD = 3.0
"""FLOPs of a training step over those of its forward pass."""

SPARE = 5.0
"""Seconds before a child is killed at which its training ends by itself."""


def before_forks() -> None:
    """Reads what every job would read for itself: primitives, the prelude, tables, kernels. A
    network is compiled for that, to a text that nothing executes: no tensor is made.
    """
    for function in subject(Run(USUAL, "usual", NETWORK)).built.functions:
        emit(function)


def check(jobs: Sequence[Job], context: Context) -> Sequence[Outcome]:
    """T0b: compiled, the fast laws, parameters, costs."""
    return [_timed(job, context) for job in jobs]


def train(jobs: Sequence[Job], context: Context) -> Sequence[Outcome]:
    """Training runs of one group, together where that is faster."""
    runs = [run_of(job, context) for job in jobs]
    results = train_runs(runs, deadline=context.deadline - SPARE)
    return [_outcome(run, result) for run, result in zip(runs, results, strict=True)]


def audit(jobs: Sequence[Job], context: Context) -> Sequence[Outcome]:
    """Findings of an audit, each with whether it is well."""
    return [_audited(job, context) for job in jobs]


def step(jobs: Sequence[Job], context: Context) -> Sequence[Outcome]:
    """CPU milliseconds of a training step, and the share of them that is matrix products."""
    return [_stepped(run_of(job, context)) for job in jobs]


def run_of(job: Job, context: Context) -> Run:
    """The run that a job is about."""
    spec = cast("Mapping[str, Any]", job.spec)
    return Run(
        text=context.blob(spec["program"]).decode(),
        op=spec["op"],
        task=spec["task"] if "task" in spec else spec["network"],
        host=spec["host"],
        seed=spec.get("seed", 0),
        learning_rate=spec.get("learning_rate", 0.0),
        steps=spec["steps"],
        batch=spec["batch"],
        sizes=tuple((name, size) for name, size in spec["sizes"]),
        parameters=spec["parameters"],
    )


def _timed(job: Job, context: Context) -> Outcome:
    began = time.perf_counter()
    try:
        values = _checked(subject(run_of(job, context)))
    except Refused as refused:
        return failed(_known(refused.reason), str(refused), seconds=time.perf_counter() - began)
    except _Unlawful as unlawful:
        return failed("law", str(unlawful), seconds=time.perf_counter() - began)
    except (BackendError, Unsupported) as error:
        return failed("compile", str(error), seconds=time.perf_counter() - began)
    return done(values, seconds=time.perf_counter() - began)


class _Unlawful(Exception):
    """A law that the compiled network does not obey."""


def _checked(common: Subject) -> dict[str, Json]:
    network = common.built.predictor(0)
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(common.task.vocabulary, (2, TOKENS), generator=generator)
    lawful(network.model, ids)
    hidden, length = common.hosted.hidden, common.task.time
    work = float(common.facts.work.evaluate({"F": hidden, "T": length}))
    return {
        "parameters": evaluate.parameter_count(network),
        "hidden": hidden,
        "sizes": [list(pair) for pair in common.hosted.sizes],
        "flops_per_token": work / length,
        "state_floats": evaluate.state_floats(network.model, length),
        "effort": effort(network, length),
    }


def lawful(model: torch.nn.Module, ids: torch.Tensor) -> None:
    """The laws that are fast at this size: nothing later is read, a stream is a row, rows do not
    speak to each other, and gradients are finite. Raises what `_timed` catches.
    """
    report = laws.check(model, ids)
    if report.failures:
        first = report.failures[0]
        said = first.detail if first.witness is None else first.witness.text
        raise _Unlawful(f"{first.law}: {said}")


def _stepped(run: Run) -> Outcome:
    try:
        common = subject(run)
    except Refused as refused:
        return failed(_known(refused.reason), str(refused))
    learner = common.learner([run], common.tokens <= TOGETHER)
    share = matmul_share(learner)
    began = time.process_time()
    for number in range(STEPS):
        learner.step(number)
    used = time.process_time() - began
    return done({"milliseconds": 1000 * used / STEPS, "matmul_share": share}, seconds=used)


def _outcome(run: Run, result: Result) -> Outcome:
    values = result.as_json()
    status, reason, detail = values.pop("status"), values.pop("reason"), values.pop("detail")
    flops = _flops(run, result)
    if status == "done" and not _finite(values):
        status, reason, detail = "failed", "nan", "the loss of the test rows is not finite"
    if status == "failed":
        return failed(_known(reason), detail, seconds=result.seconds, flops=flops)
    return done(values, seconds=result.seconds, flops=flops)


def _flops(run: Run, result: Result) -> float:
    """Of the steps that were done."""
    tokens = result.steps * (run.batch or run.definition.batch) * run.definition.time
    return BACKWARD * (result.flops_per_token or 0.0) * tokens


def _finite(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(map(_finite, cast("dict[str, object]", value).values()))
    if isinstance(value, list | tuple):
        return all(map(_finite, cast("Sequence[object]", value)))
    return True


def _audited(job: Job, context: Context) -> Outcome:
    began = time.perf_counter()
    run = run_of(job, context)
    try:
        common = subject(run)
        generator = torch.Generator().manual_seed(1)
        ids = torch.randint(common.task.vocabulary, (2, AUDITED), generator=generator)
        found = artefacts(run, common)
        try:
            lawful(common.built.predictor(run.seed).model, ids)
            found["laws"] = {"ok": True, "said": "nothing later is read; streams equal rows"}
        except _Unlawful as unlawful:
            found["laws"] = {"ok": False, "said": str(unlawful)}
    except Refused as refused:
        return failed(_known(refused.reason), str(refused), seconds=time.perf_counter() - began)
    return done(found, seconds=time.perf_counter() - began)


def _known(reason: str | None) -> Any:
    """A reason of a result is one of an outcome."""
    return reason
