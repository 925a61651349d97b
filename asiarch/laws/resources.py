"""The laws of resources: bytes held for backward, no loop over tokens. Counted, never timed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from asiarch.laws.form import Streams
from asiarch.laws.subject import Subject
from asiarch.laws.tolerances import LINEAR_GROWTH, LOOP_SHARE
from asiarch.laws.verdict import Verdict, fails, holds


class CountOperators(TorchDispatchMode):
    """Counts the aten operators dispatched inside; `counts` by name, `total` of all."""

    def __init__(self) -> None:
        super().__init__()  # pyright: ignore[reportUnknownMemberType]
        self.counts: Counter[str] = Counter()

    @property
    def total(self) -> int:
        """All operators so far."""
        return self.counts.total()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        self.counts[str(func)] += 1
        return func(*args, **(kwargs or {}))


def stretched(streams: Streams, time: int, batch: int = 1) -> Streams:
    """Streams [batch, time, ...] made by repeating the given tokens."""
    made: list[Tensor] = []
    for x in streams:
        repeats = -(-time // x.shape[1])
        made.append(torch.cat([x[:batch]] * repeats, 1)[:, :time])
    return tuple(made)


def saved_bytes(subject: Subject, streams: Streams) -> int:
    """Bytes of distinct memory that forward holds for backward, parameters and inputs left out."""
    known = {x.untyped_storage().data_ptr() for x in [*streams, *subject.module.parameters()]}
    known |= {x.untyped_storage().data_ptr() for x in subject.module.buffers()}
    held: dict[int, tuple[int, Tensor]] = {}

    def pack(x: Tensor) -> Tensor:
        storage = x.untyped_storage()
        if storage.data_ptr() not in known:
            held[storage.data_ptr()] = (storage.nbytes(), x)
        return x

    leaves = [x.detach().requires_grad_(x.is_floating_point()) for x in streams]
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        outputs = subject.differentiable(leaves)
    del outputs
    return sum(size for size, _ in held.values())


def memory(
    subject: Subject,
    streams: Streams,
    times: Sequence[int] = (256, 512, 1024),
    limit: Callable[[int], float] | None = None,
) -> Verdict:
    """Bytes held between forward and backward: at most linear in T, within limit(T) if given."""
    held = [saved_bytes(subject, stretched(streams, time)) for time in times]
    said = ", ".join(f"{b:,} bytes at T={t}" for t, b in zip(times, held, strict=True))
    growth = [
        (later / max(earlier, 1)) ** (1 / torch.tensor(t2 / t1).log2().item())
        for earlier, later, t1, t2 in zip(held, held[1:], times, times[1:], strict=False)
    ]
    if growth and growth[-1] > LINEAR_GROWTH:
        return fails("memory", f"held for backward: {said}: x{growth[-1]:.2f} when T doubles")
    if limit is not None:
        for time, size in zip(times, held, strict=True):
            if size > limit(time):
                text = f"held for backward: {size:,} bytes at T={time}, allowed {limit(time):,.0f}"
                return fails("memory", text, ratio=size / limit(time))
    return holds("memory", f"held for backward: {said}")


def no_loop(
    subject: Subject, streams: Streams, time: int = 4096, chunk: int | None = None
) -> Verdict:
    """Fewer than T/4 operators for T tokens; as many for many documents; steps all alike."""
    long = stretched(streams, time)
    with CountOperators() as mode:
        subject.outputs(long)
    allowed = LOOP_SHARE * time
    if mode.total >= allowed:
        name, often = mode.counts.most_common(1)[0]
        text = (
            f"{mode.total} operators for T={time} (allowed {allowed:.0f}), {often} of them {name}"
        )
        return fails("no loop", text, ratio=mode.total / allowed)
    said = [f"{mode.total} operators for T={time}"]
    for check in (_documents_loop, _steps_grow):
        fault, fact = check(subject, streams, chunk or 64)
        if fault:
            return fails("no loop", fault)
        said += [fact] if fact else []
    return holds("no loop", "; ".join(said), mode.total / allowed)


def _documents_loop(subject: Subject, streams: Streams, chunk: int) -> tuple[str, str]:
    if not subject.has_packing:
        return "", ""
    total = 40 * chunk
    counts: list[int] = []
    # documents of the same two lengths, few and many: what is walked over is the longest one
    for lengths in ([*[8 * chunk] * 4, *[chunk] * 8], [8 * chunk, *[chunk] * 32]):
        borders = torch.tensor([0, *lengths]).cumsum(0)
        with CountOperators() as mode:
            subject.outputs(stretched(streams, total), cu_seqlens=borders)
        counts.append(mode.total)
    few, many = counts
    fault = (
        f"{few} operators for 12 documents, {many} for 33 of as many tokens" if many > few else ""
    )
    return fault, f"{many} for 33 documents"


def _steps_grow(subject: Subject, streams: Streams, chunk: int) -> tuple[str, str]:
    if not subject.has_step:
        return "", ""
    state, counts = subject.initial_state(1), list[int]()
    tokens = stretched(streams, chunk + 2)
    for t in range(chunk + 2):
        with CountOperators() as mode:
            _, state = subject.step([x[:, t] for x in tokens], state)
        counts.append(mode.total)
    if max(counts[1:]) > min(counts[1:]):
        worst = counts.index(max(counts[1:]), 1)
        return f"step dispatches {counts[1]} operators at token 1, {counts[worst]} at {worst}", ""
    return "", f"{counts[-1]} for a step"
