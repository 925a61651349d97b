"""What jobs of the tests do, in a child process: little, or something bad."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from asiarch.search.job import Context, Job, Outcome, done, failed


def _ran(job: Job) -> None:
    """One line a run, so that a test can count how often something was run."""
    if "trace" in job.spec:
        with open(str(job.spec["trace"]), "a") as file:
            file.write(f"{job.key} {os.getpid()}\n")


def trivial(jobs: Sequence[Job], context: Context) -> list[Outcome]:
    for job in jobs:
        _ran(job)
    time.sleep(sum(float(job.spec.get("sleep", 0.0)) for job in jobs))
    return [done({"twice": 2 * job.spec["number"], "of": len(jobs)}, seconds=0.5) for job in jobs]


def blob(jobs: Sequence[Job], context: Context) -> list[Outcome]:
    (context.folder / "own.txt").write_text("mine")
    content = context.blob(str(jobs[0].spec["program"]))
    return [Outcome("done", None, {"size": len(content)}, {"turned": content[::-1]}, 0.1, 5.0)]


def designs(jobs: Sequence[Job], context: Context) -> list[Outcome]:
    return [failed("nan", "at step 3", seconds=1.0) for _ in jobs]


PREPARED: list[int] = []
"""Processes that made ready for others."""


def before_forks() -> None:
    PREPARED.append(os.getpid())


def prepared(jobs: Sequence[Job], context: Context) -> list[Outcome]:
    return [done({"made": len(PREPARED), "here": os.getpid() in PREPARED}) for _ in jobs]


def environment(jobs: Sequence[Job], context: Context) -> list[Outcome]:
    names = ("OMP_NUM_THREADS", "PYTHONHASHSEED")
    values = {name: os.environ.get(name) for name in names}
    loaded = sorted({"torch", "email.mime.text"} & set(sys.modules))
    return [done({**values, "loaded": loaded, "leads": os.getpgid(0) == os.getpid()})]


def bad(jobs: Sequence[Job], context: Context) -> list[Outcome]:
    """Every way to misbehave, by name."""
    for job in jobs:
        _ran(job)
    how = str(jobs[0].spec["how"])
    trace = Path(str(jobs[0].spec.get("trace", os.devnull)))
    match how:
        case "raise":
            raise RuntimeError("something of the machine")
        case "too few":
            return []
        case "segfault":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "exit":
            os._exit(3)
        case "allocate":
            held = [bytearray(64 * 2**20) for _ in range(64)]
            return [done({"held": len(held)})]
        case "allocate in children":
            code = "x = bytearray(40 * 2**20)\nimport time; time.sleep(60)"
            for _ in range(8):
                subprocess.Popen([sys.executable, "-c", code])
            time.sleep(60)
        case "fork":
            while True:
                subprocess.Popen(["sleep", "60"])
        case "hang":
            time.sleep(60)
        case "spin without signals":
            signal.pthread_sigmask(signal.SIG_BLOCK, set(range(1, 32)))
            while True:
                pass
        case "hang with family":
            for session in (False, True):
                code = "import subprocess, time; subprocess.Popen(['sleep', '61']); time.sleep(61)"
                family = subprocess.Popen([sys.executable, "-c", code], start_new_session=session)
                with trace.open("a") as file:
                    file.write(f"family {family.pid}\n")
            time.sleep(60)
        case "leave something behind":
            left = subprocess.Popen(["sleep", "62"], start_new_session=True)
            with trace.open("a") as file:
                file.write(f"family {left.pid}\n")
    return [done({"how": how}) for _ in jobs]


def guilty(jobs: Sequence[Job], context: Context) -> list[Outcome]:
    """The job with number 1 uses up all memory, alone or with others."""
    _ = [_ran(job) for job in jobs]
    if any(job.spec["number"] == 1 for job in jobs):
        held = [bytearray(64 * 2**20) for _ in range(64)]
        return [done({"held": len(held)}) for _ in jobs]
    return [done({"number": job.spec["number"]}) for job in jobs]


def flaky(jobs: Sequence[Job], context: Context) -> list[Outcome]:
    """Dies twice, then works."""
    trace = Path(str(jobs[0].spec["trace"]))
    _ran(jobs[0])
    if len(trace.read_text().splitlines()) < 3:
        os.kill(os.getpid(), signal.SIGSEGV)
    return [done({"tries": len(trace.read_text().splitlines())}) for _ in jobs]


def tensors(jobs: Sequence[Job], context: Context) -> list[Outcome]:
    """A gradient by torch, or more memory than there is."""
    import torch

    if "gib" in jobs[0].spec:
        torch.ones(int(jobs[0].spec["gib"]) * 2**28)
    weight = torch.eye(64, requires_grad=True)
    (weight @ weight).sum().backward()
    assert weight.grad is not None
    return [done({"gradient": float(weight.grad.sum()), "threads": torch.get_num_threads()})]
