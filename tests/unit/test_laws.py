"""A causal module obeys every law; twins one edit away are each caught, with the right witness."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from asiarch.ir.domains import ring_arithmetic as ring
from asiarch.laws import (
    Report,
    RingMode,
    Subject,
    Verdict,
    check,
    memory,
    no_loop,
    parallel_equals_recurrent,
    prefix,
    saved_bytes,
)

WIDTH = 4


class Mixer(nn.Module):
    """Linear attention with a scalar decay, the whole protocol: state, step, packed rows."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.query, self.key, self.value = (nn.Linear(WIDTH, WIDTH) for _ in range(3))
        self.gate = nn.Linear(WIDTH, 1)

    def projections(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        log_decay = F.logsigmoid(self.gate(x) + 4)[..., 0]  # sums of all tokens lose few digits
        return self.query(x), self.key(x), self.value(x), log_decay

    def mask(self, time: int, doc: Tensor) -> Tensor:
        return torch.ones(time, time, dtype=torch.bool).tril() & (doc[:, None] == doc[None, :])

    def forward(
        self,
        x: Tensor,
        state: dict[str, Tensor] | None = None,
        cu_seqlens: Tensor | None = None,
        return_state: bool = False,
    ) -> Any:
        time = x.shape[1]
        borders = torch.tensor([0, time]) if cu_seqlens is None else cu_seqlens
        doc = torch.searchsorted(borders[1:].contiguous(), torch.arange(time), right=True)
        q, k, v, log_decay = self.projections(x)
        sums = log_decay.cumsum(1)
        out = self.mix(q, k, v, sums, doc)
        before = F.pad(sums[0], (1, 0))[borders]  # of each packed document
        if state is not None and cu_seqlens is None:
            out = out + torch.exp(sums)[..., None] * (q @ state["S"])
        elif state is not None:
            since = torch.exp(sums - before[doc])[..., None]
            out = out + since * torch.einsum("bti,tij->btj", q, state["S"][doc])
        if not return_state:
            return out
        if cu_seqlens is None:
            return out, {"S": self.last_state(k, v, sums, state)}
        after = self.packed_states(k, v, sums, borders, doc)
        if state is not None:
            after = after + torch.exp(before.diff())[:, None, None] * state["S"]
        return out, {"S": after}

    def mix(self, *inputs: Tensor) -> Tensor:
        if not torch.is_grad_enabled():
            return self.attend(*inputs)
        return checkpoint(self.attend, *inputs, use_reentrant=False)

    def attend(self, q: Tensor, k: Tensor, v: Tensor, sums: Tensor, doc: Tensor) -> Tensor:
        mask = self.mask(q.shape[1], doc)
        weights = (sums[:, :, None] - sums[:, None, :]).masked_fill(~mask, -math.inf)
        return (q @ k.mT * torch.exp(weights)) @ v

    def last_state(
        self, k: Tensor, v: Tensor, sums: Tensor, state: dict[str, Tensor] | None
    ) -> Tensor:
        last = sums[:, -1:]
        written = (torch.exp(last - sums)[..., None] * k).mT @ v
        return written if state is None else written + torch.exp(last)[..., None] * state["S"]

    def packed_states(
        self, k: Tensor, v: Tensor, sums: Tensor, borders: Tensor, doc: Tensor
    ) -> Tensor:
        count = len(borders) - 1
        last = sums[0, (borders[1:] - 1).clamp(min=0)]
        own = doc[None, :] == torch.arange(count)[:, None]
        decay = torch.exp((last[:, None] - sums).masked_fill(~own, -math.inf))
        return torch.einsum("nt,ti,tj->nij", decay, k[0], v[0])

    def step(self, x: Tensor, state: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        q, k, v, log_decay = self.projections(x)
        after = torch.exp(log_decay)[:, None, None] * state["S"] + k[:, :, None] * v[:, None, :]
        return (q[:, None] @ after)[:, 0], {"S": after}

    def initial_state(self, batch: int) -> dict[str, Tensor]:
        return {"S": torch.zeros(batch, WIDTH, WIDTH, dtype=self.gate.weight.dtype)}


def token_loop(module: Mixer, x: Tensor) -> Tensor:
    state = module.initial_state(x.shape[0])
    outs: list[Tensor] = []
    for t in range(x.shape[1]):
        out, state = module.step(x[:, t], state)
        outs.append(out)
    return torch.stack(outs, 1)


def inputs(batch: int = 2, time: int = 40) -> Tensor:
    return torch.randn(batch, time, WIDTH, generator=torch.Generator().manual_seed(1))


# Twins. Each is one edit away from the causal module or from a causal layer.


class InvertedMask(Mixer):
    def mask(self, time: int, doc: Tensor) -> Tensor:
        return ~super().mask(time, doc)


class MaskOffByOne(Mixer):
    def mask(self, time: int, doc: Tensor) -> Tensor:
        return torch.ones(time, time, dtype=torch.bool).tril(1)


class Forgetful(Mixer):
    """cu_seqlens is accepted and not used."""

    def forward(
        self,
        x: Tensor,
        state: dict[str, Tensor] | None = None,
        cu_seqlens: Tensor | None = None,
        return_state: bool = False,
    ) -> Any:
        return super().forward(x, state, None, return_state)


class LosesState(Mixer):
    def last_state(
        self, k: Tensor, v: Tensor, sums: Tensor, state: dict[str, Tensor] | None
    ) -> Tensor:
        return super().last_state(k, v, sums, None)


class ReadsBeforeWriting(Mixer):
    def step(self, x: Tensor, state: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        _, after = super().step(x, state)
        q = self.query(x)
        return (q[:, None] @ state["S"])[:, 0], after


class PackedRowsStartFromTheFirstState(Mixer):
    def forward(
        self,
        x: Tensor,
        state: dict[str, Tensor] | None = None,
        cu_seqlens: Tensor | None = None,
        return_state: bool = False,
    ) -> Any:
        if state is not None and cu_seqlens is not None:
            state = {"S": state["S"][:1].expand_as(state["S"])}
        return super().forward(x, state, cu_seqlens, return_state)


class PackedStateOfTheWhole(Mixer):
    def packed_states(
        self, k: Tensor, v: Tensor, sums: Tensor, borders: Tensor, doc: Tensor
    ) -> Tensor:
        return super().packed_states(k, v, sums, borders, torch.zeros_like(doc))


class Layer(nn.Module):
    """A stranger's module: forward(x) alone, by a function."""

    def __init__(self, function: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Any:
        return self.function(x)


class Convolution(nn.Module):
    def __init__(self, left: int, right: int) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.conv, self.pad = nn.Conv1d(WIDTH, WIDTH, 3), (left, right)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.pad(x.mT, self.pad)).mT


class Normalised(nn.Module):
    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x.flatten(0, 1)).reshape(x.shape)


def chunk_maximum(x: Tensor) -> Tensor:
    """A gate that is shifted by the maximum of its chunk of 16."""
    padded = F.pad(x, (0, 0, 0, -x.shape[1] % 16))
    top = padded.unflatten(1, (-1, 16)).amax(2).repeat_interleave(16, 1)[:, : x.shape[1]]
    return torch.exp(x - top) * x


def running_maximum(x: Tensor) -> Tensor:
    return torch.exp(x - x.cummax(1).values) * x


def future_in_the_gradient(x: Tensor) -> Tensor:
    mean = x.mean(1, keepdim=True)
    return x + (mean - mean.detach())


COUNTER = itertools.count()


class Counter(nn.Module):
    """A schedule that forward itself moves on."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return x / self.calls


def failed(report: Report) -> set[str]:
    return {v.law for v in report.failures}


def test_the_causal_module_obeys_every_law() -> None:
    report = check(Mixer(), inputs(), chunk=16, reference=token_loop, ring=True, resources_at=512)
    assert report.ok, str(report)
    assert {v.law for v in report.verdicts if v.status == "not applicable"} == set()
    assert {v.law for v in report.verdicts} >= {
        *("prefix", "length", "gradient", "batch", "streaming", "stepping", "packing"),
        *("length, ring", "batch, ring", "streaming, ring", "stepping, ring", "packing, ring"),
        *("no loop", "parallel = recurrent, ring", "parallel = recurrent, float32"),
    }


@pytest.mark.parametrize(
    ("module", "laws", "said"),
    [
        (InvertedMask(), {"prefix", "gradient"}, "changed the output at token 0"),
        (MaskOffByOne(), {"prefix", "gradient"}, "changing token 1 changed the output at token 0"),
        (Forgetful(), {"packing"}, "changing document 1 (tokens 0 to 4) changed document 3 at"),
        (LosesState(), {"streaming"}, "in parts that start at tokens"),
        (ReadsBeforeWriting(), {"stepping"}, "step from token 0 on differs from forward at"),
        (PackedStateOfTheWhole(), {"packing"}, "the state after packed document"),
        (PackedRowsStartFromTheFirstState(), {"packing"}, "packed twice: the second row differs"),
        (Layer(lambda x: x - x.mean(1, keepdim=True)), {"prefix", "length", "gradient"}, "token 0"),
        (Convolution(1, 1), {"prefix", "length", "gradient"}, "changing token 1 changed the"),
        (Layer(chunk_maximum), {"prefix", "length", "gradient"}, "changed the output at token 0"),
        (Layer(lambda x: x / x.shape[1]), {"length"}, "without the tokens from 1 on, the output"),
        (Layer(future_in_the_gradient), {"gradient"}, "outputs up to token 0 send gradient"),
        (Layer(lambda x: x.flip(1).cumsum(1).flip(1)), {"prefix", "length"}, "changing token 1 "),
        (Layer(lambda x: torch.softmax(x, 1)), {"prefix", "length", "gradient"}, "token 0"),
        (Layer(lambda x: x - x.mean(0, keepdim=True)), {"batch"}, "changing batch row 1 changed"),
        (Normalised(nn.BatchNorm1d(WIDTH)), {"prefix", "batch"}, "changed the output at token 0"),
        (Layer(Counter()), {"deterministic"}, "keeps state between calls"),
        (Layer(lambda x: x + next(COUNTER)), {"deterministic"}, "no seed or fresh copy"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else None,
)
def test_leaky_twins_are_caught(module: nn.Module, laws: set[str], said: str) -> None:
    report = check(module, inputs(), chunk=16)
    assert not report.ok
    assert laws <= failed(report), str(report)
    assert any(said in str(v.witness) for v in report.failures), str(report)


@pytest.mark.parametrize(
    "module",
    [
        Layer(lambda x: x - x.cumsum(1) / torch.arange(1, x.shape[1] + 1)[:, None]),
        Convolution(2, 0),
        Layer(running_maximum),
        Layer(lambda x: x / 40),
        Layer(lambda x: x.cumsum(1)),
        Layer(lambda x: torch.softmax(x, 2)),
        Layer(lambda x: x - x.mean(2, keepdim=True)),
        Normalised(nn.BatchNorm1d(WIDTH)).eval(),
        Normalised(nn.LayerNorm(WIDTH)),
        Layer(lambda x: (x, torch.ones(x.shape[0], 2, 2, 2))),
        Layer(lambda x: x.clone().fill_(float("nan"))),
    ],
    ids=range(11),
)
def test_their_causal_twins_pass(module: nn.Module) -> None:
    report = check(module, inputs(), chunk=16)
    assert report.ok, str(report)
    assert report["streaming"].status == report["packing"].status == "not applicable"


@pytest.mark.parametrize(
    ("module", "law"),
    [
        (Forgetful(), "packing, ring"),
        (LosesState(), "streaming, ring"),
        (ReadsBeforeWriting(), "stepping, ring"),
        (PackedStateOfTheWhole(), "packing, ring"),
        (Layer(lambda x: x - x.mean(1, keepdim=True)), "length, ring"),
        (Layer(lambda x: x - x.mean(0, keepdim=True)), "batch, ring"),
    ],
)
def test_leaks_are_caught_in_the_ring_too(module: nn.Module, law: str) -> None:
    assert law in failed(check(module, inputs(), chunk=16, ring=True))


def test_what_the_ring_cannot_read_is_not_passed() -> None:
    report = check(Layer(torch.atan), inputs(), ring=True)
    assert report["length, ring"].status == "not applicable"
    assert "aten.atan" in report["length, ring"].detail


def test_leaks_of_large_values_alone_are_found_by_the_prefix_law() -> None:
    report = check(Layer(lambda x: x * (x.abs().amax(1, keepdim=True) < 50)), inputs(), chunk=16)
    assert failed(report) == {"prefix"}


def swallowed(ahead: int) -> Callable[[Tensor], Tensor]:
    """A masked product over all tokens, whose NaN the comparison makes 0."""

    def forward(x: Tensor) -> Tensor:
        mask = torch.ones(x.shape[1], x.shape[1]).triu(ahead).tril(ahead)
        return (mask @ x.pow(20) <= 1).to(x.dtype)

    return forward


def test_an_overflow_that_a_comparison_swallows_is_no_leak_and_hides_none() -> None:
    causal = law_on(prefix, Layer(swallowed(0)), torch.Generator())
    assert causal.ok
    assert "10000" not in causal.detail
    assert law_on(prefix, Layer(swallowed(1)), torch.Generator()).status == "failed"


def test_a_witness_is_one_that_can_be_repeated() -> None:
    report = check(Convolution(1, 1), inputs(), chunk=16)
    witness = report["prefix"].witness
    assert witness is not None
    assert witness.changed_token == witness.affected_token + 1
    x, module = inputs(), Convolution(1, 1)
    y = x.clone()
    y[:, witness.changed_token] += 1
    gap = (module(x) - module(y)).abs().amax(2)
    assert gap[witness.batch_row, witness.affected_token] > 0
    assert (gap[:, : witness.affected_token] == 0).all()


def test_a_stream_of_several_is_named() -> None:
    class Two(nn.Module):
        def forward(self, x: Tensor, gate: Tensor) -> Tensor:
            return x * gate.amax(1, keepdim=True)

    report = check(Two(), (inputs(), inputs()), chunk=16)
    assert "changing token 1 of `gate`" in str(report["prefix"].witness)


def test_token_ids_are_inputs_too() -> None:
    table = nn.Embedding(11, WIDTH)
    causal = check(nn.Sequential(table, Mixer()))
    assert causal.ok, str(causal)
    assert causal["gradient"].status == "ok"
    bare = check(Layer(lambda ids: ids.cumsum(1)), torch.ones(2, 40, dtype=torch.long))
    assert bare["gradient"].status == "not applicable"
    leaky = check(nn.Sequential(table, Layer(lambda x: x.mean(1, keepdim=True) + x)))
    assert {"prefix", "gradient"} <= failed(leaky)


def test_inputs_are_made_up_or_asked_for() -> None:
    assert check(nn.Sequential(nn.Linear(6, 3), nn.GELU())).ok

    class Odd(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.reshape(-1, 3, 7, 5)

    with pytest.raises(ValueError, match="cannot make up inputs for Odd"):
        check(Odd())


def test_random_numbers_are_no_failure_and_hide_no_leak() -> None:
    report = check(Layer(lambda x: F.dropout(x.cumsum(1), 0.5)), inputs())
    assert report.ok, str(report)
    assert "one seed" in report["deterministic"].detail
    assert report["length"].status == "not applicable"
    assert "prefix" in failed(check(Layer(lambda x: F.dropout(x.mean(1, True) + x, 0.5)), inputs()))


def test_what_is_no_sequence_is_said_to_be_none() -> None:
    report = check(Layer(lambda x: x.mean(1)), inputs())
    assert not report.ok
    assert report["sequence"].status == "not applicable"
    assert "(2, 4)" in report["sequence"].detail


def test_a_module_that_raises_fails_the_law_that_made_it() -> None:
    def fixed(x: Tensor) -> Tensor:
        return x.unflatten(1, (2, 20)).flatten(1, 2)

    report = check(Layer(fixed), inputs(), chunk=16)
    assert failed(report) == {"length"}
    assert "raised RuntimeError" in report["length"].detail


def test_checking_changes_nothing_in_the_module() -> None:
    module = Normalised(nn.BatchNorm1d(WIDTH))
    before = {k: v.clone() for k, v in module.state_dict().items()}
    check(module, inputs())
    assert all(torch.equal(v, before[k]) for k, v in module.state_dict().items())
    assert module.training


def test_a_module_that_cannot_be_copied_is_checked_and_never_converted() -> None:
    class Handle(nn.Module):
        def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(WIDTH))
            self.function, self.handle = function, math

        def forward(self, x: Tensor) -> Tensor:
            return self.function(x) * self.scale

    module = Handle(lambda x: x.cumsum(1))
    report = check(module, inputs(), ring=True)
    assert report.ok, str(report)
    assert report["length, ring"].status == "not applicable"
    assert module.scale.dtype == torch.float32
    assert "prefix" in failed(check(Handle(lambda x: x.flip(1).cumsum(1)), inputs()))


def test_half_precision_inside_is_judged_as_such() -> None:
    report = check(Layer(lambda x: x.bfloat16().cumsum(1).to(x.dtype)), inputs())
    assert report.ok, str(report)


# Parallel = recurrent.


class Faulty(Mixer):
    """The form's outputs are wrong by one part in a hundred at one token."""

    def forward(self, x: Tensor, *rest: Any, **options: Any) -> Any:
        out = super().forward(x, *rest, **options)
        scale = torch.ones(out.shape[1])
        scale[17] = 1.01
        return out * scale[:, None]


@pytest.mark.parametrize("oracle", ["ring", "float64", "float32"])
def test_a_small_fault_is_placed_by_every_oracle(oracle: Any) -> None:
    right = parallel_equals_recurrent(Mixer(), token_loop, [inputs()], oracle)
    wrong = parallel_equals_recurrent(Faulty(), token_loop, [inputs()], oracle)
    assert right.ok, str(right)
    assert wrong.status == "failed"
    assert wrong.witness is not None
    assert "token 17" in wrong.witness.text or "gradient" in wrong.witness.text


def numpy_loop(module: Mixer, x: Tensor) -> Tensor:
    """The recurrence on residues, sharing nothing with torch but the parameters."""
    read = RingMode.values
    projected = [
        ring.add(ring.contract("btd,ed->bte", read(x), read(part.weight)), read(part.bias))
        for part in (module.query, module.key, module.value, module.gate)
    ]
    q, k, v, gate = projected
    decay = ring.sigmoid(ring.add(gate, 4))
    state = np.zeros((x.shape[0], WIDTH, WIDTH), np.int64)
    outs: list[Any] = []
    for t in range(x.shape[1]):
        write = ring.contract("bi,bj->bij", k[:, t], v[:, t])
        state = ring.add(ring.mul(decay[:, t, :, None], state), write)
        outs.append(ring.contract("bi,bij->bj", q[:, t], state))
    return RingMode.tensor(np.stack(outs, 1))


def test_a_numpy_program_may_be_the_reference_in_the_ring() -> None:
    def verdict(module: nn.Module) -> Verdict:
        return parallel_equals_recurrent(module, numpy_loop, [inputs()], gradients=False)

    assert verdict(Mixer()).ok
    assert "token 17" in str(verdict(Faulty()).witness)


def test_a_fault_in_the_gradient_alone_is_found() -> None:
    class Detached(Mixer):
        def projections(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
            q, k, v, log_decay = super().projections(x)
            in_step = x.dim() == 2
            return q, k, v, log_decay if in_step else log_decay.detach()

    for oracle in ("ring", "float64"):
        blind = parallel_equals_recurrent(
            Detached(), token_loop, [inputs()], oracle, gradients=False
        )
        verdict = parallel_equals_recurrent(Detached(), token_loop, [inputs()], oracle)
        assert blind.ok
        assert "gradient of" in str(verdict.witness)


# Resources.


class TokenLoop(Mixer):
    def forward(self, x: Tensor) -> Tensor:
        return token_loop(self, x)


class Hoarder(Mixer):
    """Keeps the whole score matrix for the backward pass."""

    def mix(self, *inputs: Tensor) -> Tensor:
        return self.attend(*inputs)


class GrowingStep(Mixer):
    def step(self, x: Tensor, state: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        out, after = super().step(x, state)
        count = state.get("count", torch.zeros(1))
        for _ in range(int(count)):
            out = out * 1.0
        return out, after | {"count": count + 1}


class DocumentLoop(Mixer):
    def mask(self, time: int, doc: Tensor) -> Tensor:
        mask = torch.zeros(time, time, dtype=torch.bool)
        for number in range(int(doc.max()) + 1):
            mask |= (doc[:, None] == number) & (doc[None, :] == number)
        return mask.tril()


def law_on(law: Callable[..., Verdict], module: nn.Module, *rest: Any) -> Verdict:
    return law(Subject(module), (inputs(),), *rest)


@pytest.mark.parametrize(
    ("module", "said"),
    [
        (TokenLoop(), "operators for T=256 (allowed 64)"),
        (GrowingStep(), "step dispatches"),
        (DocumentLoop(), "for 33 of as many tokens"),
    ],
)
def test_loops_are_counted(module: nn.Module, said: str) -> None:
    verdict = law_on(no_loop, module, 256, 8)
    assert verdict.status == "failed"
    assert said in str(verdict.witness)
    assert law_on(no_loop, Mixer(), 256, 8).ok


def test_memory_is_measured_and_its_growth_judged() -> None:
    quadratic = law_on(memory, Hoarder(), (64, 128, 256))
    assert quadratic.status == "failed"
    assert "when T doubles" in str(quadratic.witness)
    linear = Layer(lambda x: torch.tanh(x).cumsum(1))
    assert law_on(memory, linear, (64, 128)).ok
    assert saved_bytes(Subject(linear), (inputs(1, 64),)) == 64 * WIDTH * 4
    assert law_on(memory, linear, (64,), lambda time: 4 * WIDTH * time).ok
    assert not law_on(memory, linear, (64,), lambda time: WIDTH * time).ok
