"""A world in which every design has a known quality: what `FakeLab` asks instead of training."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from asiarch.search.engineer import Design
from asiarch.search.job import Job, Outcome, digest, done, failed
from asiarch.search.protocol import Protocol, Tier

BEST = 1e-2


def normal(*key: object) -> float:
    """A standard normal that the key decides."""
    seed = hashlib.sha256(repr(key).encode()).digest()[:8]
    return float(np.random.default_rng(int.from_bytes(seed, "big")).standard_normal())


@dataclass(slots=True)
class World:
    """`quality` of a program's blob and op, in sds of a paired difference; `failures`: reasons by
    op. A seed moves all designs alike, `shared` times as much as each on its own.
    """

    quality: Callable[[str, str], float] = lambda program, op: 0.0
    failures: Mapping[str, str] = field(default_factory=dict)
    shared: float = 5.0
    rates: float = 3.0
    seconds: float = 1.0

    def __call__(self, job: Job) -> Outcome:
        spec = job.spec
        op, program = str(spec["op"]), str(spec["program"])
        if job.kind == "audit":
            return done({"laws": {"ok": True, "said": ""}}, seconds=1.0)
        if job.kind == "step":
            return done({"milliseconds": 1.0, "matmul_share": 0.5})
        stage, _, reason = self.failures.get(op, "").partition(" ")
        if stage == job.kind:
            return failed(reason, f"planted {reason}", seconds=0.1)  # type: ignore[arg-type]
        if job.kind == "check":
            return done(
                {"parameters": 80_000, "hidden": 128, "flops_per_token": 1e5,
                 "state_floats": 2048}, seconds=0.5,
            )  # fmt: skip
        loss = 3.0 + self.loss(program, op, str(spec["task"]), int(spec["seed"]))  # type: ignore
        loss += self.rates * abs(math.log(float(spec["learning_rate"]) / BEST))  # type: ignore
        return done({"auc": loss, "metrics": {"solved": 0.0}}, seconds=self.seconds, flops=1e9)

    def loss(self, program: str, op: str, task: str, seed: int) -> float:
        own = normal("own", program, op, task, seed) / math.sqrt(2)
        return self.shared * normal("seed", task, seed) + own - self.quality(program, op)


def design(name: str, op: str = "mixer", decay: float = 0.5) -> Design:
    """A small mixer; the id is made of the name."""
    text = f"""op {op}[D](x: Seq[D]) -> Seq[D] where causal {{
  state S[D]
  S = {decay} * S[t-1] + linear[D](x)
  return S * x
}}
"""
    return Design(digest(name), name, text, op)


TINY = Protocol(
    name="tiny",
    metric="auc",
    panel=("panel.linc_mixer", "panel.delta_mixer", "panel.scalar_mixer"),
    tiers=(Tier("T1", ("update.small", "copy.small"), (2, 3, 8), 0.1),),
    learning_rates=(2e-3, BEST, 5e-2),
    select_seeds=1,
    confirm_seeds=8,
    claim_tasks=("update.small", "copy.small"),
)
