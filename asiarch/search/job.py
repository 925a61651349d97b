"""A job and what came of it, as pure data: what passes between the search and what runs it.

A job's key is a hash of what decides its result, so that the same job is the same row of the
store, on any machine and in any process. This module knows neither the store nor who runs a job.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias, cast

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
Status = Literal["done", "failed"]
Reason = Literal["type", "causal", "cost", "compile", "law", "nan", "oom", "timeout", "infra"]

REASONS: tuple[Reason, ...] = (
    "type",
    "causal",
    "cost",
    "compile",
    "law",
    "nan",
    "oom",
    "timeout",
    "infra",
)
BLOB = "sha256:"


@dataclass(frozen=True, slots=True)
class Job:
    """Something to run; the same job twice is one job.

    `spec` holds everything that decides the result: program (the name of a blob), task, sizes,
    seed, learning rate, steps, device, version of the code. Strings in it that name blobs (see
    `blob_name`) are sent along with the job. `group` and `cost` say how to run the job and are no
    part of its key: jobs of one group and kind may be run together, `cost` (CPU-seconds, or
    GPU-seconds where `spec["device"]` is one) is reserved in the budget until it is measured.

    Raises ValueError when `spec` is not JSON (numbers that are not finite included).
    """

    kind: str
    spec: Mapping[str, Json]
    group: str = ""
    cost: float = 0.0
    key: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        if not (math.isfinite(self.cost) and self.cost >= 0):
            raise ValueError(f"the cost of a job is a number of seconds >= 0, not {self.cost}")
        object.__setattr__(self, "key", digest({"kind": self.kind, "spec": self.spec}))

    def __hash__(self) -> int:
        return hash(self.key)


def unit(job: Job) -> Literal["cpu_seconds", "gpu_seconds"]:
    """What a job's cost is counted in: the CPU's time unless `spec["device"]` names another."""
    device = str(job.spec.get("device") or "cpu")
    return "cpu_seconds" if device.startswith("cpu") else "gpu_seconds"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a job: values, or the reason why there are none.

    A failure is a missing value with its reason, never a middling score; `values` may then say
    more. `seconds` are those of the job alone, `flops` counted ones. Every reason but `infra`
    (the machine, not the design) is final.

    Raises ValueError when a failure has no known reason or `values` is not JSON.
    """

    status: Status
    reason: Reason | None = None
    values: Mapping[str, Json] = field(default_factory=dict[str, Json])
    blobs: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    seconds: float = 0.0
    flops: float = 0.0

    def __post_init__(self) -> None:
        if self.status not in ("done", "failed"):
            raise ValueError(f"an outcome is 'done' or 'failed', not {self.status!r}")
        if (self.status == "done") != (self.reason is None) or (
            self.reason is not None and self.reason not in REASONS
        ):
            raise ValueError(
                f"an outcome {self.status!r} with the reason {self.reason!r}: a failure has one of"
                f" {', '.join(REASONS)}, a success has none"
            )
        for name in ("seconds", "flops"):
            number = getattr(self, name)
            if not (math.isfinite(number) and number >= 0):
                raise ValueError(f"{name} of an outcome is a number >= 0, not {number}")
        canonical(self.values)


def done(values: Mapping[str, Json], *, seconds: float = 0.0, flops: float = 0.0) -> Outcome:
    """A success without blobs."""
    return Outcome("done", None, values, seconds=seconds, flops=flops)


def failed(reason: Reason, message: str, *, seconds: float = 0.0, flops: float = 0.0) -> Outcome:
    """A failure with a message for people."""
    return Outcome("failed", reason, {"message": message}, seconds=seconds, flops=flops)


@dataclass(frozen=True, slots=True)
class Context:
    """What a handler is given beside its jobs.

    `folder` is empty, its own, and removed afterwards; `deadline` is the time (of
    `time.monotonic`, seconds) at which the child is killed; `blobs` are those that the jobs name.
    """

    folder: Path
    deadline: float
    blobs: Mapping[str, bytes] = field(default_factory=dict[str, bytes])

    def blob(self, name: str) -> bytes:
        """The content of a blob that one of the jobs names.

        Raises KeyError when none of them does.
        """
        if name not in self.blobs:
            raise KeyError(
                f"no job names the blob {name!r}; a job's spec names what it reads as"
                f" {BLOB}<64 hexadecimal digits> (asiarch.search.job.blob_name)"
            )
        return self.blobs[name]


Handler: TypeAlias = Callable[[Sequence[Job], Context], Sequence[Outcome]]
"""Runs jobs of one kind and group in a child process: one outcome a job, in their order.

What a design is guilty of is returned as an outcome; an exception is an infra failure (running
out of memory: `oom`) and the jobs are tried again.
"""


def find_handler(entry: str) -> Handler:
    """The handler that an entry `module:function` names.

    Raises ValueError when the entry is spelled otherwise or names nothing to call.
    """
    module, _, name = entry.partition(":")
    if not module or not name:
        raise ValueError(f"a handler's entry is spelled 'module:function', not {entry!r}")
    handler = getattr(importlib.import_module(module), name, None)
    if not callable(handler):
        raise ValueError(f"{entry!r} names no function: module {module!r} has no {name!r} to call")
    return cast(Handler, handler)


def canonical(value: Json) -> str:
    """The one spelling of a JSON value: keys sorted, floats by `repr`, no spaces, ASCII.

    1 and 1.0 are spelled, and so hashed, differently; tuples are lists.

    Raises ValueError, with the path of what is wrong, for what is not JSON or not finite.
    """
    _check(value, "")
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=_plain)


def digest(value: Json) -> str:
    """SHA-256 of the canonical spelling: 64 hexadecimal digits."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def blob_name(content: bytes) -> str:
    """A blob's name, by its content: `sha256:` and 64 hexadecimal digits."""
    return BLOB + hashlib.sha256(content).hexdigest()


def blobs_named(value: Json) -> frozenset[str]:
    """The blobs that a JSON value names, at any depth."""
    if isinstance(value, str):
        named = value.startswith(BLOB) and len(value) == len(BLOB) + 64
        return frozenset((value,)) if named else frozenset()
    if isinstance(value, Mapping):
        return frozenset[str]().union(*map(blobs_named, value.values()))
    if isinstance(value, Sequence):
        return frozenset[str]().union(*map(blobs_named, value))
    return frozenset()


def _plain(value: object) -> object:
    """Mappings and sequences that the `json` module does not know by themselves."""
    if isinstance(value, Mapping):
        return dict(cast(Mapping[str, Json], value))
    return list(cast(Sequence[Json], value))


def _check(value: object, path: str) -> None:
    match value:
        case None | bool() | int() | str():
            return
        case float():
            if not math.isfinite(value):
                raise ValueError(f"{path or 'the value'} is {value}: JSON has finite numbers only")
        case Mapping():
            for key, inner in cast(Mapping[object, object], value).items():
                if not isinstance(key, str):
                    raise ValueError(f"{path or 'the value'} has the key {key!r}: keys are strings")
                _check(inner, f"{path}.{key}" if path else key)
        case bytes() | bytearray():
            raise ValueError(f"{path or 'the value'} is bytes: name a blob instead")
        case Sequence():
            for index, inner in enumerate(cast(Sequence[object], value)):
                _check(inner, f"{path}[{index}]")
        case _:
            raise ValueError(f"{path or 'the value'} is a {type(value).__name__}, which JSON lacks")
