"""The network around a mixer: what it is, and what cannot be put into one; equal parameters."""

from __future__ import annotations

import pytest

import asiarch
from asiarch.train.evaluate import parameter_count as counted
from asiarch.train.tasks import HOSTS, Hosted, HostError, Unmatched, matched, network
from asiarch.train.tasks.build import build
from asiarch.train.tasks.match import NARROWEST, checked, parameter_count

from .mixers import PANEL, text

DELTA = text("delta_mixer")


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("encodes", [False, True])
def test_counts_are_those_of_the_module(host: str, encodes: bool) -> None:
    hosted = Hosted(DELTA, "delta_mixer", host, 24, (("H", 4),), hidden=40, encodes=encodes)
    assert parameter_count(hosted) == counted(build(hosted).predictor(0))
    assert checked(hosted).errors == ()
    assert checked(hosted).causal
    report = asiarch.check(network(hosted).text)
    assert [d.message for d in report.diagnostics] == []


def test_the_convolution_is_the_hosts() -> None:
    plain, conv = (network(Hosted(DELTA, "delta_mixer", h, 16)).text for h in ("plain", "always"))
    assert "rmsnorm[D](x) |> conv[4] |> silu" in conv
    assert plain == conv.replace(" |> conv[4] |> silu\n    x = x + delta", "\n    x = x + delta")


CALLS = """
op kernel[D](x: Seq[D]) -> Seq[D] { return x |> conv[3] }
op deep_mixer[D](x: Seq[D]) -> Seq[D] where causal { return linear[D](kernel(linear[D](x))) }
op shift_mixer[D](x: Seq[D]) -> Seq[D] where causal { return linear[D](x[t-1]) }
op wrong_mixer[D](x: Seq[D]) -> Seq[D] where causal { return linear[D](y) |> conv[4] }
"""


@pytest.mark.parametrize(
    ("source", "mixer", "own"),
    [
        (DELTA, "delta_mixer", True),
        (PANEL, "conv_mixer", True),
        (PANEL, "lin_mixer", False),
        (PANEL, "none_mixer", False),
        (CALLS, "deep_mixer", True),
        (CALLS, "shift_mixer", False),
        (CALLS, "wrong_mixer", False),
    ],
)
def test_everybody_has_one_convolution(source: str, mixer: str, own: bool) -> None:
    texts = {h: network(Hosted(source, mixer, h, 16)).text for h in HOSTS}
    assert texts["conv"] == texts["plain" if own else "always"]
    assert texts["plain"] != texts["always"]


def test_names_do_not_meet() -> None:
    renamed = DELTA.replace("delta_mixer", "network")
    made = network(Hosted(renamed, "network", "plain", 16))
    assert made.model == "network_"
    assert asiarch.compile(made.text, made.model, {"L": 1}) is not None


@pytest.mark.parametrize(
    ("source", "mixer", "host", "sizes", "says"),
    [
        (DELTA, "delta", "plain", (), "there is no `delta`; the file defines delta_mixer"),
        (DELTA, "delta_mixer", "none", (), "no host 'none'; there are conv, always, plain"),
        (DELTA, "delta_mixer", "plain", (("M", 3),), "has no size `M`; it has D, H, K, V"),
        (DELTA + "\nop silu(x) -> x { return x }", "delta_mixer", "plain", (), "defines `silu`"),
        ("op two[D](x: Seq[D], y: Seq[D]) -> Seq[D] { return x + y }", "two", "plain", (),
         "is no mixer"),
    ],
)  # fmt: skip
def test_what_no_host_takes(
    source: str, mixer: str, host: str, sizes: tuple[tuple[str, int], ...], says: str
) -> None:
    with pytest.raises(HostError, match=says.replace("(", "\\(")):
        network(Hosted(source, mixer, host, 16, sizes))


@pytest.mark.parametrize("name", ["softmax_mixer", "gla_mixer", "none_mixer", "delta_mixer"])
def test_the_hidden_width_is_solved_for(name: str) -> None:
    hosted = matched(Hosted(PANEL, name, "plain", 64), 74_000)
    assert abs(parameter_count(hosted) - 74_000) <= 200  # one column is 256
    assert parameter_count(hosted) == counted(build(hosted).predictor(0))


def test_a_mixer_too_large_is_made_smaller() -> None:
    hosted = matched(Hosted(DELTA, "delta_mixer", "plain", 64), 36_500)
    assert hosted.hidden >= NARROWEST
    assert dict(hosted.sizes)["K"] < 32
    assert abs(counted(build(hosted).predictor(0)) - 36_500) <= 730


def test_what_cannot_be_matched_is_refused() -> None:
    with pytest.raises(Unmatched, match=r"within 2% of 9,000 parameters: the nearest"):
        matched(Hosted(DELTA, "delta_mixer", "plain", 64), 9_000)
