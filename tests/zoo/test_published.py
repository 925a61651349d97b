"""Published modules that are causal are not accused; one that is an encoder is found to be one."""

from __future__ import annotations

import pytest
import torch

from asiarch import laws
from tests.zoo import published

OF_TORCH = ("encoder_layer", "multihead", "gru", "lstm")
OF_FLA = ("fla_gla", "fla_gated_delta", "fla_gated_delta_chunks", "fla_kda", "fla_kda_chunks")


@pytest.mark.filterwarnings("ignore")  # strangers' modules warn about their own ways
@pytest.mark.parametrize("name", [*OF_TORCH, *OF_FLA])
def test_a_causal_module_is_not_accused(name: str) -> None:
    torch.manual_seed(0)
    try:
        module = getattr(published, name)()
    except ImportError:
        pytest.skip("fla-core is not installed (make oracles)")
    report = laws.audit(module)
    assert report.ok, str(report)
    assert report["prefix"].status == report["length"].status == "ok"


def test_an_encoder_is_found_to_be_one() -> None:
    report = laws.audit(published.encoder_layer_unmasked())
    assert {"prefix", "gradient", "length"} <= {v.law for v in report.failures}
