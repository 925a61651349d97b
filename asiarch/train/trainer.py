"""The training loop: a module and a corpus become weights and bits per byte.

Everything random is keyed by (seed, step), so a run that was interrupted and resumed gives the
same losses and weights, bit for bit, as one that was not. Works on any module that maps ids
`[batch, time]` to logits `[batch, time, >= 256]`; knows nothing of how it was made.
"""

from __future__ import annotations

import hashlib
import math
import signal
import threading
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any, cast

import torch
from torch import nn

from asiarch.train import checkpoint, evaluate, fused, optimizer
from asiarch.train.checkpoint import Checkpoint, Settings
from asiarch.train.data import Corpus, batch, thinned, windows
from asiarch.train.errors import CheckpointError, DataError, DivergedError
from asiarch.train.progress import Progress, Silent, Step

EVALUATED_BYTES = 1 << 17
# While training goes on: an eighth of that, so that looking costs little beside learning.
GLANCED_BYTES = 1 << 14
SMOOTHING = 0.9
# Steps before the speed shown can be believed: the first ones allocate memory.
SETTLING = 3


@dataclass(frozen=True, slots=True)
class Result:
    """What a run came to. Losses are this process's steps, in bits per byte.

    `bytes_per_second` counts training steps alone, over all the processes of a resumed run.
    """

    step: int
    losses: tuple[float, ...]
    held_out: float
    parameters: int
    bytes_per_second: float
    checkpoint: Path | None
    interrupted: bool


@dataclass(slots=True)
class _Run:
    module: nn.Module
    forward: fused.Forward
    adamw: torch.optim.AdamW
    corpus: Corpus
    settings: Settings
    meta: dict[str, Any]
    out: Path | None
    progress: Progress
    glance: torch.Tensor
    done: int = 0
    seconds: float = 0.0
    bits: float = math.nan
    glanced: float | None = None
    losses: list[float] = field(default_factory=list[float])


def train(
    module: nn.Module,
    data: Corpus,
    *,
    steps: int = 1000,
    batch: int = 8,
    time: int = 256,
    lr: float = 5e-3,
    seed: int = 0,
    out: str | Path | None = None,
    resume: str | Path | None = None,
    meta: dict[str, Any] | None = None,
    progress: Progress | None = None,
    compiled: bool = False,
) -> Result:
    """Trains the module in place on next bytes and measures it on the held-out files.

    A step sees `batch` rows of `time` bytes. With `out`, checkpoints are written there ten times in
    a run, at the end, and on Ctrl-C, which ends the run after the step under way (a second one ends
    it at once). `resume` names a checkpoint of the same settings and text to go on from; `out` is
    then that folder unless given. `meta` is stored with the checkpoint as it is. `compiled`
    puts the training steps through `torch.compile`; measuring stays without.

    Raises `DataError`, `ModelError`, `CheckpointError`, `CompilerError`, `DivergedError`;
    `ValueError` for settings that are not positive.
    """
    settings = Settings(steps, batch, time, lr, seed, data.digest, compiled)
    _check_settings(settings, data)
    evaluate.check_model(module)
    folder = out or resume
    held_out = windows(data.held_out, time, EVALUATED_BYTES)
    run = _Run(
        module,
        fused.compiled(module) if compiled else module,
        optimizer.build(module, lr),
        data,
        settings,
        meta or {},
        None if folder is None else Path(folder),
        progress or Silent(),
        thinned(held_out, GLANCED_BYTES),
    )
    if resume is not None:
        _resume(run, checkpoint.load(resume))
    module.train()
    run.progress.start(steps, run.done)
    try:
        with repeatable(evaluate.device_of(module)), _interruptible() as interrupted:
            _steps(run, interrupted)
            # Saved before it is measured: a second Ctrl-C loses the measurement alone.
            where = _save(run) if run.out else None
            if run.done < steps:
                run.progress.note(_goodbye(run))
            bits = evaluate.bits_per_byte(module, held_out)
    finally:
        run.progress.close()
    return Result(
        step=run.done,
        losses=tuple(run.losses),
        held_out=bits,
        parameters=evaluate.parameter_count(module),
        bytes_per_second=run.done * batch * time / run.seconds if run.seconds else 0.0,
        checkpoint=where,
        interrupted=run.done < steps,
    )


def _steps(run: _Run, interrupted: threading.Event) -> None:
    settings = run.settings
    every = max(1, settings.steps // 10)
    settled = (run.done, run.seconds)
    while run.done < settings.steps and not interrupted.is_set():
        began = perf_counter()
        with fused.explained():
            bits = _one_step(run)
        run.seconds += perf_counter() - began
        run.losses.append(bits)
        run.bits = bits if math.isnan(run.bits) else SMOOTHING * run.bits + (1 - SMOOTHING) * bits
        run.done += 1
        run.glanced = None
        if len(run.losses) == SETTLING:
            settled = (run.done, run.seconds)
        if run.done % every == 0 or run.done == settings.steps:
            run.glanced = evaluate.bits_per_byte(run.module, run.glance)
            if run.out and run.done < settings.steps:
                _save(run)
        run.progress.step(_standing(run, *settled))


def _one_step(run: _Run) -> float:
    """One update; returns the step's loss in bits per byte."""
    settings, step = run.settings, run.done
    device = evaluate.device_of(run.module)
    ids, following = batch(
        run.corpus.train, seed=settings.seed, step=step, size=settings.batch, time=settings.time
    )
    # Dropout draws from the global generator: keyed like the batch, it resumes like it.
    key = hashlib.blake2b(f"step {settings.seed} {step}".encode(), digest_size=8).digest()
    torch.manual_seed(int.from_bytes(key, "little") >> 1)
    for group in run.adamw.param_groups:
        group["lr"] = optimizer.learning_rate(settings.lr, step, settings.steps)
    run.adamw.zero_grad(set_to_none=True)
    tell_step(run.module.modules(), step)
    loss = evaluate.cross_entropy(run.forward(ids.to(device)), following.to(device))
    (loss + auxiliary_loss(run.module.modules())).backward()
    parameters = list(run.module.parameters())
    norm = nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
    value = float(loss.detach())
    if not (math.isfinite(value) and math.isfinite(float(norm))):
        raise _diverged(run, value)
    nn.utils.clip_grads_with_norm_(parameters, optimizer.CLIP, norm)
    run.adamw.step()
    return value / math.log(2)


def tell_step(parts: Iterable[nn.Module], step: int) -> None:
    """Tell every part of a module that anneals which step of training this is."""
    for part in parts:
        known = getattr(part, "training_step", None)
        if isinstance(known, torch.Tensor):
            known.fill_(step)


def auxiliary_loss(parts: Iterable[nn.Module]) -> torch.Tensor | float:
    """The sum of the `loss` terms that a module's parts left in their last forward pass."""
    terms = [getattr(part, "auxiliary_loss", None) for part in parts]
    return sum(term for term in terms if isinstance(term, (torch.Tensor, float, int)))


def _diverged(run: _Run, loss: float) -> DivergedError:
    bad = [
        name
        for name, value in run.module.named_parameters()
        if value.grad is not None and not bool(value.grad.isfinite().all())
    ]
    where = f"; gradients that are not finite: {', '.join(bad[:3])}" if bad else ""
    kept = (
        f" The last checkpoint in {run.out} is from before it."
        if run.out and checkpoint.exists(run.out)
        else ""
    )
    return DivergedError(
        f"training diverged at step {run.done + 1} of {run.settings.steps}: the loss is {loss:.4g}"
        f"{where}. The learning rate peaks at {run.settings.lr:g}; try a third of it.{kept}"
    )


def _standing(run: _Run, settled_steps: int, settled_seconds: float) -> Step:
    steps, seconds = run.done - settled_steps, run.seconds - settled_seconds
    if not steps:
        steps, seconds = len(run.losses), run.seconds
    each = seconds / max(1, steps)
    settings = run.settings
    return Step(
        run.done,
        settings.steps,
        run.bits,
        run.glanced,
        settings.batch * settings.time / each if each else 0.0,
        each * (settings.steps - run.done),
    )


def _save(run: _Run) -> Path:
    assert run.out is not None
    stored = Checkpoint(
        step=run.done,
        settings=run.settings,
        weights=checkpoint.tensors(run.module),
        moments=optimizer.moments(run.module, run.adamw),
        meta=run.meta,
        seconds=run.seconds,
    )
    return checkpoint.save(run.out, stored)


def _resume(run: _Run, stored: Checkpoint) -> None:
    for name in Settings.__dataclass_fields__:
        before, now = getattr(stored.settings, name), getattr(run.settings, name)
        if before != now:
            raise CheckpointError(
                f"the checkpoint was trained with {name} = {before}, this run has {now}; "
                "a run resumes with the settings and the text it began with"
            )
    checkpoint.restore(run.module, stored.weights)
    optimizer.restore(run.module, run.adamw, stored.moments)
    run.done = stored.step
    run.seconds = stored.seconds
    run.meta = run.meta or stored.meta


def _goodbye(run: _Run) -> str:
    if run.out is None:
        return f"interrupted after step {run.done}; nothing was saved (no folder was named)"
    return f"interrupted after step {run.done}; saved. To go on: the same with --resume {run.out}"


def _check_settings(settings: Settings, data: Corpus) -> None:
    for name in ("steps", "batch", "time", "lr"):
        value = getattr(settings, name)
        if not value > 0 or not math.isfinite(value):
            raise ValueError(f"{name} must be positive, not {value}")
    if data.train.numel() <= settings.time:
        raise DataError(
            f"{data.name} has {data.train.numel()} bytes to train on, a row needs more than "
            f"{settings.time}; use a shorter --time"
        )


@contextmanager
def repeatable(device: torch.device) -> Generator[None]:
    """Leaves the caller's random state alone; on the CPU, sums in one order.

    Without it `E[ids]` adds its gradients in the order in which threads arrive.
    """
    cuda = [device] if device.type == "cuda" else []
    before = torch.are_deterministic_algorithms_enabled()
    memory = cast(Any, torch.utils.deterministic)
    fill: bool = memory.fill_uninitialized_memory
    with torch.random.fork_rng(devices=cuda):
        try:
            if device.type == "cpu":
                torch.use_deterministic_algorithms(True)
                memory.fill_uninitialized_memory = False
            yield
        finally:
            torch.use_deterministic_algorithms(before)
            memory.fill_uninitialized_memory = fill


@contextmanager
def _interruptible() -> Generator[threading.Event]:
    """An event that the first Ctrl-C sets; the second is a KeyboardInterrupt as usual."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return
    before = signal.getsignal(signal.SIGINT)

    def on_interrupt(number: int, frame: object) -> None:
        event.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield event
    finally:
        signal.signal(signal.SIGINT, before)
