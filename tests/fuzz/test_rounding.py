"""Rounding explains what it does, and a bug no more because rounding is large elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asiarch.codegen.reference import Reference
from asiarch.fuzz import read, rounding
from asiarch.fuzz.checks import Case, judged
from asiarch.fuzz.program import Program
from asiarch.fuzz.rounding import explains, keeping

# 1e5 + x - 1e5 loses a third of the digits of x from the third token on
CANCELS = Program(
    "op main[D](x: Seq[D]) -> Seq[D] {\n"
    "  big = select(t > 2, 1e5, 0)\n  return (x + big) - big\n}\n",
    "main", (("D", 3),),
)  # fmt: skip


def test_one_factor_for_what_a_loop_errs() -> None:
    tolerances = pytest.importorskip("asiarch.laws.tolerances")
    assert rounding.LOOP_FACTOR == tolerances.LOOP_FACTOR


@pytest.fixture(scope="module")
def case() -> Case:
    return Case(CANCELS, 1)


def judge(case: Case, difference: float, token: int | None, steps: bool = True) -> bool:
    streams = case.streams(2, 9)
    return explains(case.flat, case.params, streams, difference, 1e-15, token, steps=steps)


def test_what_the_programs_own_steps_round_away(case: Case) -> None:
    (x,) = case.streams(2, 9)
    lost = np.abs(Reference(case.flat, {}).evaluate([x])[0] - x).max()
    assert 1e-13 < lost < 1e-10
    assert judge(case, float(lost), 5)
    assert not judge(case, float(lost), 5, steps=False)


def test_a_difference_beyond_it_is_none(case: Case) -> None:
    assert not judge(case, 0.1, 5)
    assert not judge(case, 0.1, None)


def test_another_tokens_rounding_explains_nothing(case: Case) -> None:
    assert judge(case, 1e-10, 5)
    assert judge(case, 1e-10, None)
    assert not judge(case, 1e-10, 1)


# what the choice of two equal keys writes is read by nobody: rounding decides the state alone
TIES = Program(
    "op main[D, K = 3](x: Seq[D]) -> Seq[D] {\n"
    "  state S[D, K]\n"
    "  k = l2norm[K](mean[P](softmax[P](stack[P](linear[D -> K](x), linear[D -> K](x)))))\n"
    "  S = 0.5 * S[t-1] + x * topk[K, 2](k)\n"
    "  return x + 0 * sum[K](S)\n}\n",
    "main", (("D", 3),),
)  # fmt: skip


def test_what_rounding_decides_of_a_state_and_of_no_output() -> None:
    case = Case(TIES, 1)
    streams = case.streams(2, 9)
    tied = 0.05
    assert not explains(case.flat, case.params, streams, tied, 1e-15)
    kept = keeping(case.flat)
    assert explains(kept, case.params, streams, tied, 1e-15)
    assert not explains(kept, case.params, streams, 1e3, 1e-15)


def test_a_packed_state_that_ties_decide_is_not_judged() -> None:
    """With the seed that found it: the law sees another state, and the outputs agree."""
    pytest.importorskip("torch")
    path = Path(__file__).parents[1] / "fuzz_cases" / "ties_that_decide_a_state_alone.asi"
    case = Case(read(path.read_text(encoding="utf-8")), 820371372064)
    failure, left = judged(case, ("laws",))
    assert failure is None
    assert left == {"laws": "rounding decides the result"}


CUMULATED = Program(
    "op main[D](x: Seq[D]) -> Seq[D] {\n  return x + cumsum[time](x)\n}\n", "main", (("D", 3),)
)


def test_a_wrong_state_is_told_where_rounding_decides_none(monkeypatch: pytest.MonkeyPatch) -> None:
    tree_map = pytest.importorskip("torch.utils._pytree").tree_map
    case = Case(CUMULATED, 1)
    assert judged(case, ("laws",))[0] is None
    emitted = type(case.module)
    sound = emitted.forward

    def wrong(
        self: Any, x: Any, state: Any = None, return_state: bool = False, cu_seqlens: Any = None
    ) -> Any:
        result = sound(self, x, state=state, return_state=return_state, cu_seqlens=cu_seqlens)
        if cu_seqlens is None or not return_state:
            return result
        return result[0], tree_map(lambda s: s + 0.02, result[1])

    monkeypatch.setattr(emitted, "forward", wrong)
    failure, _ = judged(case, ("laws",))
    assert failure is not None
    assert "the state after packed document" in failure[1]


def test_a_wrong_module_is_told_beside_lost_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    case = Case(CANCELS, 1)
    assert judged(case, ("float64",))[0] is None
    sound = case.module.forward

    def wrong(*streams: Any, **more: Any) -> Any:
        return 1.01 * sound(*streams, **more)

    monkeypatch.setattr(case.module, "forward", wrong)
    failure, _ = judged(case, ("float64",))
    assert failure is not None


def test_a_wrong_output_is_told_beside_one_that_rounding_decides(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The tie under `topk` is nobody's fault; half a per cent on the output beside it is."""
    pytest.importorskip("torch")
    text = (
        "op main[D](x: Seq) -> Seq[D], Seq[D] {\n"
        "  state S[D]\n  S = 0.9 * S[t-1] + expand[D](x)\n  return S, topk[D, 1](S)\n}\n"
    )
    case = Case(Program(text, "main", (("D", 3),)), 1)
    assert judged(case, ("float64", "float32"))[0] is None
    sound = case.module.forward

    def wrong(*streams: Any, **more: Any) -> Any:
        whole, picked = sound(*streams, **more)
        return 1.005 * whole, picked

    monkeypatch.setattr(case.module, "forward", wrong)
    for law in ("float64", "float32"):
        failure, _ = judged(case, (law,))
        assert failure is not None
