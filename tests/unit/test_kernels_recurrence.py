"""Every recurrence class against its token loop: read points, chunk sizes, hard data, packing."""

from __future__ import annotations

import copy
import math
from collections import Counter
from collections.abc import Callable
from functools import cache
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from asiarch.kernels.load import assemble, load
from asiarch.kernels.rows.torch import Rows
from asiarch.laws import RingMode
from asiarch.laws.tolerances import (
    FLOAT64,
    LOOP_SHARE,
    MEMORY_FACTOR,
    compare_with_loop,
    loop_share,
)

DECAYS = ("identity", "scalar", "diagonal")
KINDS = ("", "_rank1", "_rank1_untied")
CLASSES = tuple(decay + kind for decay in DECAYS for kind in KINDS)
GATES = (0.0, -1e-3, -5.0, -20.0, -80.0, -math.inf)

Kernel = Callable[..., tuple[Tensor, Tensor]]


def path(name: str) -> str:
    untied = name.endswith("_untied")
    return f"{name.removesuffix('_untied')}/{'untied' if untied else 'torch'}.py"


@cache
def kernel(name: str, pre: bool = False, decayed: bool = True) -> Kernel:
    return load(path(name), READ_PRE=pre, DECAYED=decayed)[name]


def faulty(name: str, right: str, wrong: str) -> Kernel:
    """The kernel with a fault planted in its assembled text."""
    imports, text = assemble(path(name))
    assert right in text
    names: dict[str, Any] = {"__name__": "faulty"}
    exec("\n".join([*imports, text.replace(right, wrong)]), names)
    return names[name]


def loop(
    name: str, inputs: dict[str, Tensor], state: Tensor, pre: bool = False, decayed: bool = True
) -> tuple[Tensor, Tensor]:
    """The definition, one token after the other."""
    q, k, v = inputs["q"], inputs["k"], inputs["v"]
    outs: list[Tensor] = []
    for t in range(q.shape[1]):
        new = state
        if "a" in inputs:
            a = inputs["a"][:, t].reshape(*q.shape[:1], q.shape[2], -1, 1)
            new = a * state
        read = (w := inputs.get("w")) is not None and (
            w[:, t, :, None] @ (new if decayed else state)
        )
        if pre:
            outs.append((q[:, t, :, None] @ state)[:, :, 0])
        new = new + k[:, t, :, :, None] * v[:, t, :, None]
        if w is not None:
            new = new + inputs.get("u", -k)[:, t, :, :, None] * read
        state = new
        if not pre:
            outs.append((q[:, t, :, None] @ state)[:, :, 0])
    return torch.stack(outs, 1), state


def draw(
    name: str,
    time: int,
    seed: int = 0,
    sizes: tuple[int, int, int, int] = (2, 2, 5, 3),
    dtype: torch.dtype = torch.float64,
    random: Callable[..., Tensor] | None = None,
) -> tuple[dict[str, Tensor], Tensor]:
    """Inputs by name in the order of the kernel's arguments, and an initial state."""
    batch, heads, width, values = sizes
    g = torch.Generator().manual_seed(seed)
    normal = random or (lambda *s: torch.randn(*s, generator=g, dtype=torch.float64).to(dtype) / 2)
    token = (batch, time, heads)
    inputs = {"q": normal(*token, width), "k": normal(*token, width), "v": normal(*token, values)}
    if not name.startswith("identity"):
        inputs["a"] = normal(*token) if name.startswith("scalar") else normal(*token, width)
    if name.endswith("untied"):
        inputs["u"] = normal(*token, width)
    if "rank1" in name:
        inputs["w"] = normal(*token, width)
    if random is None:  # keys that neither grow the state nor vanish
        for x in (inputs[n] for n in "kuw" if n in inputs):
            x /= x.norm(dim=-1, keepdim=True)
    return inputs, normal(batch, heads, width, values)


def run(f: Kernel, inputs: dict[str, Tensor], state: Tensor | None, **more: Any) -> Any:
    rows = more.pop("rows", None) or Rows(inputs["q"])
    return f(*inputs.values(), state, rows, **more)


def gradients(f: Callable[[], tuple[Tensor, Tensor]], leaves: list[Tensor]) -> list[Tensor]:
    """Of a fixed linear functional of the outputs and the last state."""
    for leaf in leaves:
        leaf.requires_grad_()
    o, last = f()
    weights = [torch.cos(torch.arange(x.numel(), dtype=x.dtype)).view(x.shape) for x in (o, last)]
    total = (o * weights[0]).sum() + (last * weights[1]).sum()
    return list(torch.autograd.grad(total, leaves))


def close(x: Tensor, y: Tensor, tolerance: float = FLOAT64) -> bool:
    return bool(((x - y).abs().max() <= tolerance * y.abs().max().clamp(min=1e-300)).item())


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize(("pre", "decayed"), list(product((False, True), repeat=2)))
def test_every_read_point_equals_the_loop_with_gradients(
    name: str, pre: bool, decayed: bool
) -> None:
    inputs, state = draw(name, 21)
    if "a" in inputs:
        inputs["a"][:, 4], inputs["a"][:, 7], inputs["a"][:, 9] = 0.0, -0.7, 1.5
    leaves = [*inputs.values(), state]
    expected = loop(name, inputs, state, pre, decayed)
    slopes = gradients(lambda: loop(name, inputs, state, pre, decayed), leaves)
    for chunk in (1, 3, 8, 64):
        f = kernel(name, pre, decayed)
        actual = run(f, inputs, state, chunk=chunk)
        found = gradients(lambda f=f, chunk=chunk: run(f, inputs, state, chunk=chunk), leaves)
        for x, y in zip((*actual, *found), (*expected, *slopes), strict=True):
            assert close(x, y), (name, chunk)
    if "rank1" in name and not name.startswith("identity"):  # the flag is seen
        assert not close(run(kernel(name, pre, not decayed), inputs, state)[0], expected[0])
    assert not close(run(kernel(name, not pre, decayed), inputs, state)[0], expected[0])


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("sizes", [(1, 1, 1, 1), (1, 3, 7, 1), (3, 1, 1, 6)])
def test_sizes_that_are_no_power_of_two(name: str, sizes: tuple[int, int, int, int]) -> None:
    inputs, state = draw(name, 13, sizes=sizes)
    for x, y in zip(run(kernel(name), inputs, state), loop(name, inputs, state), strict=True):
        assert close(x, y)


def hard(name: str, time: int, gate: float, rho: float, b: float) -> dict[str, Tensor]:
    """Keys of correlation rho, erased at strength b, under one gate; float64."""
    inputs, _ = draw(name, time, sizes=(1, 2, 16, 8))
    g = torch.Generator().manual_seed(7)
    noise = torch.randn(1, time, 2, 16, generator=g, dtype=torch.float64)
    common = torch.randn(1, 1, 2, 16, generator=g, dtype=torch.float64)
    keys = math.sqrt(rho) * common + math.sqrt(1 - rho) * noise
    keys = keys / keys.norm(dim=-1, keepdim=True)
    inputs["k"] = keys
    if "w" in inputs:
        inputs["w"] = keys.clone()
        inputs["k" if "u" not in inputs else "u"] = b * keys * (-1 if "u" in inputs else 1)
    if "a" in inputs:
        inputs["a"] = torch.full_like(inputs["a"], math.exp(gate))
    return inputs


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("time", [1, 15, 63, 64, 65])
def test_hard_data(name: str, time: int) -> None:
    """float64 to its tolerance; float32 as near to float64 as a float32 loop, within a factor."""
    gates = (*GATES, None) if "scalar" in name or "diagonal" in name else (0.0,)
    erase = ((1.0, 1.0), (1.0, 2.0), (0.9, 1.0), (0.9, 2.0)) if "rank1" in name else ((1.0, 1.0),)
    for gate, (rho, b) in product(gates[time % 3 :: 3] or gates, erase):
        inputs = hard(name, time, 0.0 if gate is None else gate, rho, b)
        if gate is None:
            inputs["a"].fill_(-0.7)
        state = torch.ones(1, 2, 16, 8, dtype=torch.float64)
        truth = loop(name, inputs, state)
        assert close(run(kernel(name), inputs, state)[0], truth[0])
        single = {n: x.float() for n, x in inputs.items()}
        exact = {n: x.double() for n, x in single.items()}
        truth = loop(name, exact, state)
        actual = run(kernel(name), single, state.float())
        plain = loop(name, single, state.float())
        share = loop_share(plain[0], truth[0])  # with b = 2 a loop is exact in some rows by luck
        error = compare_with_loop(actual[0], plain[0], truth[0], share)
        # One key at b = 2 is marginally stable: each rounded score of a chunk counts twice.
        assert error.ratio <= (2 if rho == 1 and b == 2 else 1), (gate, rho, b, error)


@pytest.mark.parametrize("name", CLASSES)
def test_packed_documents_equal_separate_rows(name: str) -> None:
    lengths = [0, 5, 17, 0, 1, 8, 9, 0]
    inputs, _ = draw(name, sum(lengths), sizes=(1, 2, 4, 3))
    state = draw(name, 1, sizes=(len(lengths), 2, 4, 3))[1]
    cuts = torch.tensor([0, *lengths]).cumsum(0)
    rows = Rows(inputs["q"], cuts)
    leaves = [*inputs.values(), state]

    def separate() -> tuple[Tensor, Tensor]:
        parts = [
            run(kernel(name), {n: x[:, s:e] for n, x in inputs.items()}, state[d : d + 1], chunk=8)
            for d, (s, e) in enumerate(zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True))
        ]
        return torch.cat([p[0] for p in parts], 1), torch.cat([p[1] for p in parts])

    def packed() -> tuple[Tensor, Tensor]:
        return run(kernel(name), inputs, state, rows=rows, chunk=8)

    for x, y in zip(packed(), separate(), strict=True):
        assert close(x, y)
    assert torch.equal(packed()[1][0], state[0])
    for x, y in zip(gradients(packed, leaves), gradients(separate, leaves), strict=True):
        assert close(x, y)


@pytest.mark.parametrize("name", CLASSES)
def test_a_row_in_two_parts_carries_its_state(name: str) -> None:
    inputs, state = draw(name, 40)
    whole = run(kernel(name), inputs, state, chunk=8)
    for cut in (1, 8, 13):
        first = run(kernel(name), {n: x[:, :cut] for n, x in inputs.items()}, state, chunk=8)
        rest = run(kernel(name), {n: x[:, cut:] for n, x in inputs.items()}, first[1], chunk=8)
        assert close(torch.cat([first[0], rest[0]], 1), whole[0])
        assert close(rest[1], whole[1])
    zero = torch.zeros_like(state)
    assert torch.equal(run(kernel(name), inputs, None)[0], run(kernel(name), inputs, zero)[0])


@pytest.mark.parametrize("name", CLASSES)
def test_later_tokens_do_not_touch_earlier_bits(name: str) -> None:
    inputs, _ = draw(name, 50, dtype=torch.float32)
    assert run(kernel(name), inputs, None)[0].isfinite().all()
    before = run(kernel(name), inputs, None, chunk=16)[0]
    for cut, scale in product((1, 15, 16, 17, 31, 49), (1e-3, 1.0, 30.0)):
        other, _ = draw(name, 50, seed=1, dtype=torch.float32)
        changed = {
            n: torch.cat([x[:, :cut], (scale if n in "qv" else 1) * other[n][:, cut:]], 1)
            for n, x in inputs.items()
        }
        after = run(kernel(name), changed, None, chunk=16)[0]
        assert torch.equal(after[:, :cut], before[:, :cut])
        assert not torch.equal(after[:, cut:], before[:, cut:])


@pytest.mark.parametrize("name", CLASSES)
def test_the_ring_finds_no_difference(name: str) -> None:
    """Unmodified kernels in Z/p^3: outputs, last states and all gradients, residue for residue."""
    g = torch.Generator().manual_seed(5)
    sizes = (1, 1, 2, 2)
    inputs, state = draw(name, 19, sizes=sizes, random=lambda *s: RingMode.random(s, g))
    leaves = [x.requires_grad_() for x in (*inputs.values(), state)]
    found: list[list[Any]] = []
    with RingMode():
        for f in (
            lambda: loop(name, inputs, state),
            lambda: run(kernel(name), inputs, state, chunk=8),
        ):
            o, last = f()
            outs = (o, last)
            weights = [RingMode.random(x.shape, torch.Generator().manual_seed(2)) for x in outs]
            slopes = torch.autograd.grad(outs, leaves, weights)
            found.append([RingMode.values(x.detach()) for x in (*outs, *slopes)])
    for x, y in zip(*found, strict=True):
        assert (x == y).all()


FAULTS = {
    "lost carry": ("met.append(live)", "met.append(torch.zeros_like(live))"),
    "mask off by one": ("cumprod(1) * ones.tril()", "cumprod(1) * ones.tril(1)"),
    "start of the chunk": ("decay[:, :, :1] * a[:, :1, None]", "decay[:, :, :1]"),
    "x 1.01": ("live = step(*part, live)", "live = 1.01 * step(*part, live)"),
    "wrong row": ("enumerate(lower.split(b, 1)", "enumerate(lower.roll(b, 1).split(b, 1)"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault: str) -> None:
    name = "scalar_rank1"
    inputs, state = draw(name, 40)
    expected = loop(name, inputs, state)[0]
    assert close(run(kernel(name), inputs, state, chunk=16)[0], expected)
    assert not close(run(faulty(name, *FAULTS[fault]), inputs, state, chunk=16)[0], expected)


class Count(TorchDispatchMode):
    """Counts dispatched operators."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        self.counts[func.overloadpacket.__name__] += 1
        return func(*args, **(kwargs or {}))


def operators(name: str, time: int, cuts: list[int] | None = None) -> tuple[int, int]:
    inputs, _ = draw(name, time, sizes=(1, 1, 2, 2), dtype=torch.float32)
    rows = Rows(inputs["q"], None if cuts is None else torch.tensor(cuts))
    for x in inputs.values():
        x.requires_grad_()
    with Count() as forward:
        o, _ = run(kernel(name), inputs, None, rows=rows)
    with Count() as backward:
        o.sum().backward()
    return forward.counts.total(), backward.counts.total()


@pytest.mark.parametrize("name", CLASSES)
def test_no_loop_over_tokens_or_documents(name: str) -> None:
    forward, backward = operators(name, 4096)
    assert forward < LOOP_SHARE * 4096
    assert backward < 2 * LOOP_SHARE * 4096
    few = operators(name, 256, [0, 64, 128, 192, 256])
    many = operators(name, 256, [0, 64, *range(65, 257)])
    assert few == many


@pytest.mark.parametrize("name", CLASSES)
def test_bytes_held_for_backward(name: str) -> None:
    inputs, state = draw(name, 256, sizes=(1, 2, 16, 16), dtype=torch.float32)
    leaves = [x.requires_grad_() for x in (*inputs.values(), state)]
    held: dict[int, int] = {}

    def pack(x: Tensor) -> Tensor:
        held[x.untyped_storage().data_ptr()] = x.untyped_storage().nbytes()
        return x

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        o, last = run(kernel(name), inputs, state)
    io = sum(x.numel() * 4 for x in (*leaves, o, last))
    chunk_states = 256 // 64 * state.numel() * 4
    assert sum(held.values()) <= MEMORY_FACTOR * io + chunk_states


def test_transforms_autocast_copies_and_strides() -> None:
    name = "diagonal_rank1"
    inputs, state = draw(name, 20, dtype=torch.float32)
    f = kernel(name)

    def loss(q: Tensor) -> Tensor:
        return run(f, {**inputs, "q": q}, state)[0].square().sum()

    q = inputs["q"].clone().requires_grad_()
    loss(q).backward()
    assert q.grad is not None
    assert torch.equal(torch.func.grad(loss)(inputs["q"]), q.grad)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = run(f, inputs, state)[0]
    assert torch.equal(cast, run(f, inputs, state)[0])
    half = {n: x.bfloat16() for n, x in inputs.items()}
    o, last = run(f, half, None)
    assert (o.dtype, last.dtype) == (torch.bfloat16, torch.float32)
    strided = {n: torch.stack([x, x], -1)[..., 0] for n, x in inputs.items()}
    assert torch.equal(run(f, strided, state)[0], run(f, inputs, state)[0])
    assert copy.deepcopy(f)(*inputs.values(), state, Rows(q))[0].shape == (2, 20, 2, 3)
    (slope,) = torch.autograd.grad(loss(q), q, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        slope.sum().backward()


def test_the_text_of_a_variant_has_no_flag_and_no_other_branch() -> None:
    for name, pre, decayed in product(CLASSES, (False, True), (False, True)):
        imports, text = assemble(path(name), READ_PRE=pre, DECAYED=decayed)
        assert "READ_PRE" not in text
        assert "DECAYED" not in text
        assert not any("asiarch" in line or "kernels" in line for line in imports)
        assert len(text.splitlines()) < 230
    with_pad = assemble(path("scalar"), READ_PRE=True)[1]
    assert "value=1.0)" in with_pad
    assert "value=1.0)" not in assemble(path("scalar"), READ_PRE=False)[1]
