"""Jobs are hashed by what decides their result, and by nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asiarch.search.job import (
    Context,
    Job,
    Outcome,
    blob_name,
    blobs_named,
    canonical,
    digest,
    failed,
    find_handler,
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


def test_a_key_stays_what_it_was() -> None:
    """Keys are in stores on disk: this hash changes only with a migration."""
    job = Job("train", {"seed": 3, "learning_rate": 1e-2, "task": "mqar"})
    assert (
        job.key
        == digest({"kind": "train", "spec": {"learning_rate": 0.01, "seed": 3, "task": "mqar"}})
        == "fcfb133b170371c9534b28291fe8954f692b83b3b4207bf9fcf5f2c08e0dc2f5"
    )


@given(st.dictionaries(st.text(), json_values, max_size=5))
def test_neither_order_nor_container_nor_scheduling_changes_a_key(spec: dict[str, object]) -> None:
    turned = MappingProxyType(dict(reversed(spec.items())))
    assert Job("k", spec).key == Job("k", turned, group="g", cost=3.0).key
    assert Job("k", spec).key != Job("other", spec).key
    assert len({Job("k", spec), Job("k", turned), Job("k", spec, cost=1.0)}) == 2


@given(json_values, json_values)
def test_values_that_differ_are_spelled_differently(one: object, other: object) -> None:
    if canonical(one) == canonical(other):
        assert one == other


def test_numbers_of_numpy_are_what_they_hold() -> None:
    assert canonical({"x": np.float64(0.1)}) == canonical({"x": 0.1})
    with pytest.raises(ValueError, match="x is a int64"):
        canonical({"x": np.int64(1)})


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"a": {"b": [1, float("nan")]}}, r"a\.b\[1\] is nan"),
        ({"a": float("inf")}, "a is inf"),
        ({"a": {1: 2}}, "a has the key 1"),
        ({"a": b"x"}, "a is bytes"),
        ({"a": {1, 2}}, "a is a set"),
    ],
)
def test_what_is_not_json_is_refused_by_its_path(spec: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Job("k", spec)


@pytest.mark.parametrize(
    ("status", "reason"),
    [("done", "nan"), ("failed", None), ("failed", "bored"), ("almost", None)],
)
def test_an_outcome_is_a_value_or_has_a_reason(status: str, reason: str | None) -> None:
    with pytest.raises(ValueError, match="outcome"):
        Outcome(status, reason)


def test_an_outcome_holds_finite_numbers() -> None:
    with pytest.raises(ValueError, match="loss is nan"):
        Outcome("done", values={"loss": float("nan")})
    with pytest.raises(ValueError, match="seconds"):
        Outcome("done", seconds=-1.0)
    assert failed("nan", "at step 7").reason == "nan"


def test_blobs_are_found_at_any_depth(tmp_path: Path) -> None:
    name = blob_name(b"op")
    assert blobs_named({"a": [{"b": name}], "c": "sha256:short", "d": 1.0}) == {name}
    context = Context(tmp_path, 0.0, {name: b"op"})
    assert context.blob(name) == b"op"
    with pytest.raises(KeyError, match="no job names"):
        context.blob("other")


def test_a_handler_is_found_by_its_entry() -> None:
    assert find_handler("asiarch.search.job:digest") is digest
    for entry in ("asiarch.search.job", "asiarch.search.job:", "asiarch.search.job:BLOB"):
        with pytest.raises(ValueError, match=r"module:function|no function"):
            find_handler(entry)


def test_nothing_here_loads_a_tensor_library() -> None:
    code = (
        "import sys, asiarch.search.job, asiarch.search.seeds\n"
        "print(sorted({'torch', 'jax', 'triton', 'numpy'} & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
