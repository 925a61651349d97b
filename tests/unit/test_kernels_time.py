"""Delays, windows and short convolutions: definition, documents apart, tails, exact gradients."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from asiarch.kernels.load import assemble, load
from asiarch.kernels.rows.torch import Rows
from asiarch.laws import RingMode

AXES = (3, 2)
LENGTHS = (0, 1, 2, 15, 64, 65)
CUTS = torch.tensor([0, 0, 2, 2, 7, 8, 40, 40])
Kernel = Callable[[Tensor, Tensor | None, Rows], tuple[Tensor, Tensor]]
DELAYS = (1, 3, 20)
WINDOWS = ((1, 1), (4, 1), (3, 5))

delay, window = (load("delay/torch.py")[name] for name in ("delay", "window"))


def numbers(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=random, dtype=dtype).requires_grad_()


def kernels() -> dict[str, tuple[Kernel, Callable[[Tensor], Tensor], int]]:
    """Name -> the kernel, its definition from the start of a document, and the tokens it keeps."""
    found: dict[str, Any] = {}
    for k in DELAYS:
        found[f"delay {k}"] = (
            lambda x, tail, rows, k=k: delay(x, k, tail, rows),
            lambda x, k=k: shifted(x, k),
            k,
        )
    for n, d in WINDOWS:
        taps = numbers(n, *AXES, seed=n)
        found[f"window {n} {d}"] = (
            lambda x, tail, rows, n=n, d=d: window(x, n, d, tail, rows),
            lambda x, n=n, d=d: torch.stack([shifted(x, (n - 1 - i) * d) for i in range(n)], 2),
            (n - 1) * d,
        )
        found[f"conv {n} {d}"] = (
            lambda x, tail, rows, taps=taps, d=d: conv()(x, taps, d, tail, rows),
            lambda x, taps=taps, d=d: definition(x, taps, d),
            (n - 1) * d,
        )
    return found


def conv() -> Callable[..., tuple[Tensor, Tensor]]:
    found: Callable[..., tuple[Tensor, Tensor]] = load("conv/torch.py")["conv"]
    return found


def shifted(x: Tensor, k: int) -> Tensor:
    """x[t - k] token by token."""
    zero = torch.zeros_like(x[:, :1])
    parts = [x[:, t - k : t - k + 1] if t >= k else zero for t in range(x.shape[1])]
    return torch.cat(parts, 1) if parts else x


def definition(x: Tensor, taps: Tensor, dilation: int) -> Tensor:
    n = len(taps)
    steps = [taps[i] * shifted(x, (n - 1 - i) * dilation) for i in range(n)]
    return torch.stack(steps).sum(0)


@pytest.fixture(params=kernels().values(), ids=[name.replace(" ", "-") for name in kernels()])
def kernel(request: pytest.FixtureRequest) -> tuple[Kernel, Callable[[Tensor], Tensor], int]:
    found: tuple[Kernel, Callable[[Tensor], Tensor], int] = request.param
    return found


def close(left: Tensor, right: Tensor) -> bool:
    return left.shape == right.shape and torch.allclose(left, right, rtol=1e-12, atol=1e-12)


def slope(y: Tensor, x: Tensor) -> Tensor:
    weight = torch.linspace(1, 2, y.numel(), dtype=y.dtype).view(y.shape)
    if not y.requires_grad:  # nothing of x is left in it
        return torch.zeros_like(x)
    total = (y * weight).sum()
    return torch.autograd.grad(total, x, retain_graph=True, materialize_grads=True)[0]


@pytest.mark.parametrize("time", LENGTHS)
def test_outputs_gradients_and_tails_are_the_definition(kernel: Any, time: int) -> None:
    run, meaning, keep = kernel
    x = numbers(2, time, *AXES)
    y, tail = run(x, None, Rows(x))
    assert close(y, meaning(x))
    assert close(slope(y, x), slope(meaning(x), x))
    longer = torch.cat([x.new_zeros(2, keep, *AXES), x], 1)
    assert torch.equal(tail, longer[:, longer.shape[1] - keep :])


def test_packed_rows_are_separate_rows(kernel: Any) -> None:
    run, _, keep = kernel
    x, tails = numbers(1, 40, *AXES), numbers(len(CUTS) - 1, keep, *AXES, seed=7)
    for before in (None, tails):
        y, tail = run(x, before, Rows(x, CUTS))
        for n, (start, end) in enumerate(pairwise(CUTS.tolist())):
            part = x[:, start:end]
            alone, last = run(part, None if before is None else before[n : n + 1], Rows(part))
            assert close(y[:, start:end], alone)
            assert torch.equal(tail[n], last[0])


def test_a_tail_continues_the_document(kernel: Any) -> None:
    run, meaning, _ = kernel
    x = numbers(2, 30, *AXES)
    for cuts in ([0, 11, 30], list(range(31))):
        parts, tail = [], None
        for start, end in pairwise(cuts):
            y, tail = run(x[:, start:end], tail, Rows(x[:, start:end]))
            parts.append(y)
        assert close(torch.cat(parts, 1), meaning(x))
        assert close(slope(torch.cat(parts, 1), x), slope(meaning(x), x))


def test_gradient_of_packed_rows_and_tails(kernel: Any) -> None:
    run, _, keep = kernel
    x, tails = numbers(1, 40, *AXES), numbers(len(CUTS) - 1, keep, *AXES, seed=7)
    pieces = [
        run(x[:, a:b], tails[n : n + 1], Rows(x[:, a:b]))[0]
        for n, (a, b) in enumerate(pairwise(CUTS.tolist()))
    ]
    y, expected = run(x, tails, Rows(x, CUTS))[0], torch.cat(pieces, 1)
    for wanted in (x, tails) if keep else (x,):
        assert close(slope(y, wanted), slope(expected, wanted))


def test_earlier_outputs_keep_their_bits(kernel: Any) -> None:
    run, _, _ = kernel
    taps = numbers(4, *AXES, dtype=torch.float32)
    for call in (run, lambda x, tail, rows: conv()(x, taps, 1, tail, rows)):
        x = numbers(1, 65, *AXES, dtype=torch.float32)
        before = call(x, None, Rows(x))[0]
        for cut in (1, 32, 64):
            other = torch.cat([x[:, :cut], x[:, cut:] * 1e30], 1)
            assert torch.equal(call(other, None, Rows(x))[0][:, :cut], before[:, :cut])


@pytest.mark.parametrize(("n", "dilation"), WINDOWS)
def test_convolution_and_its_gradients_are_exact(n: int, dilation: int) -> None:
    random = torch.Generator().manual_seed(0)
    x, taps = (RingMode.random(s, random).requires_grad_() for s in ((2, 33, *AXES), (n, *AXES)))
    with RingMode():
        y, meant = conv()(x, taps, dilation, None, Rows(x))[0], definition(x, taps, dilation)
        found = [torch.autograd.grad((z * z).sum(), (x, taps)) for z in (y, meant)]
    for a, b in [(y, meant), *zip(*found, strict=True)]:
        assert (RingMode.values(a) == RingMode.values(b)).all()


def test_gradient_of_taps_is_the_definition() -> None:
    x, taps = numbers(2, 20, *AXES), numbers(4, *AXES)
    y, meant = conv()(x, taps, 2, None, Rows(x))[0], definition(x, taps, 2)
    assert close(slope(y, taps), slope(meant, taps))
    few, run = numbers(1, 5, 2), conv()
    small = few, numbers(2, 2)
    assert torch.autograd.gradgradcheck(lambda *a: run(*a, 2, None, Rows(few))[0], small)


def test_convolution_holds_its_operands_alone() -> None:
    held: list[Tensor] = []
    x, taps = numbers(1, 64, *AXES), numbers(4, *AXES)
    with torch.autograd.graph.saved_tensors_hooks(lambda t: (held.append(t), t)[1], lambda t: t):
        conv()(x, taps, 1, None, Rows(x))
    assert sum(t.numel() for t in held) == (64 + 3 + 4) * 6


class Count(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.total += 1
        return func(*args, **(kwargs or {}))


def test_work_does_not_depend_on_time_or_the_number_of_documents(kernel: Any) -> None:
    run, _, _ = kernel
    counts = set[int]()
    for cuts in (torch.tensor([0, 90, 200]), torch.arange(201), torch.tensor([0, 0, 0, 200])):
        x = numbers(1, 200, *AXES)
        with Count() as mode:
            run(x, None, Rows(x, cuts))[0].sum().backward()
        counts.add(mode.total)
    assert len(counts) == 1
    counts.clear()
    for time in (65, 650):
        x = numbers(1, time, *AXES)
        with Count() as mode:
            run(x, None, Rows(x))[0].sum().backward()
        counts.add(mode.total)
    assert len(counts) == 1


FAULTS = {
    "the tail of another document": ("(rows.doc + 1) * count", "rows.doc * count"),
    "one token late": ("self.count - steps : self.count - steps + self.rows.time",
                       "self.count - steps + 1 : self.count - steps + 1 + self.rows.time"),
    "the first tokens are kept": ("return self.x[:, self.rows.time :]",
                                  "return self.x[:, : self.count]"),
    "taps reversed": ("torch.addcmul(y, taps[i]", "torch.addcmul(y, taps[-i]"),
    "a tap's gradient forgotten": ("d_x[:, part].addcmul_(tap, d_y)", "d_x[:, part] = tap * d_y"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS.values(), ids=[n.replace(" ", "-") for n in FAULTS])
def test_planted_faults_are_seen(fault: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = fault
    imports, text = assemble("conv/torch.py", "delay/torch.py")
    assert text.count(old) == 1
    names: dict[str, Any] = {"__name__": "planted"}
    exec("\n".join([*imports, text.replace(old, new)]), names)
    monkeypatch.setitem(globals(), "conv", lambda: names["conv"])
    monkeypatch.setitem(globals(), "delay", names["delay"])
    seen = 0
    for check in (
        lambda k: test_outputs_gradients_and_tails_are_the_definition(k, 64),
        test_packed_rows_are_separate_rows,
        test_a_tail_continues_the_document,
    ):
        for name in ("conv 4 1", "delay 3"):
            try:
                check(kernels()[name])
            except (AssertionError, RuntimeError, IndexError):
                seen += 1
    assert seen
