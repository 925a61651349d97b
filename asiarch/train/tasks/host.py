"""The network around a mixer, as text of the language: what compiles a mixer compiles its host.

Two layers of a pre-norm residual stream of 64 channels, a channel mixer `W2 silu(W1 x)`, embedding
and output not tied. Host `conv` puts a causal depthwise convolution over 4 tokens and a SiLU before
every mixer that has no convolution of its own: recall otherwise ranks who brings one, and two in a
row learn slowly. Host `always` puts it before every mixer, host `plain` before none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from asiarch.analysis.report import check
from asiarch.analysis.short import short
from asiarch.language import ast
from asiarch.language.parser import parse

HOSTS = ("conv", "always", "plain")
WIDTH = 64
LAYERS = 2
HIDDEN = 2 * WIDTH
EMBEDDED = 0.3
"""Deviation of an embedding's first values: with a tenth of it memories learn in other orders."""
_USED = ("conv", "rmsnorm", "silu", "unembed")


class HostError(ValueError):
    """An operator that no host can be put around; says why."""


@dataclass(frozen=True, slots=True)
class Hosted:
    """`mixer` of `text` at `sizes`, in a network for `vocabulary` ids.

    hidden: width of the channel mixer. encodes: the network gives the normed stream, and a decoder
    beside it tells ids from one vector of it and a position.
    """

    text: str
    mixer: str
    host: str
    vocabulary: int
    sizes: tuple[tuple[str, int], ...] = ()
    hidden: int = HIDDEN
    encodes: bool = False
    width: int = WIDTH
    layers: int = LAYERS

    def with_hidden(self, hidden: int) -> Hosted:
        return replace(self, hidden=hidden)

    def with_size(self, name: str, value: int) -> Hosted:
        return replace(self, sizes=tuple({**dict(self.sizes), name: value}.items()))


@dataclass(frozen=True, slots=True)
class Network:
    """The whole text, and the names of its model and of its decoder."""

    text: str
    model: str
    decoder: str | None


def network(hosted: Hosted) -> Network:
    """Raises `HostError` for a mixer that is not there or not `Seq[D] -> Seq[D]`, for a file that
    redefines what hosts are made of, and for a host that does not exist.
    """
    if hosted.host not in HOSTS:
        raise HostError(f"no host {hosted.host!r}; there are {', '.join(HOSTS)}")
    definitions = parse(hosted.text).program.definitions
    _check_mixer(hosted, definitions)
    taken = {d.name.id for d in definitions}
    model, decoder = _fresh("network", taken), _fresh("decoder", taken)
    parts = [hosted.text.rstrip(), _model(hosted, model)]
    if hosted.encodes:
        parts.append(_decoder(hosted, decoder))
    return Network("\n\n".join(parts) + "\n", model, decoder if hosted.encodes else None)


def _check_mixer(hosted: Hosted, definitions: Sequence[ast.Definition]) -> None:
    names = {d.name.id: d for d in definitions}
    if hosted.mixer not in names:
        raise HostError(
            f"there is no `{hosted.mixer}`; the file defines {', '.join(names) or 'nothing'}"
        )
    shadowed = [name for name in _USED if name in names]
    if shadowed:
        raise HostError(
            f"the file defines `{shadowed[0]}`, which the network around a mixer is made of; "
            "give it another name"
        )
    mixer = names[hosted.mixer]
    if mixer.kind != "op" or len(mixer.formals) != 1:
        raise HostError(f"`{hosted.mixer}` is no mixer: write `op NAME[D](x: Seq[D]) -> Seq[D]`")
    header = [h.name.id for h in mixer.header]
    unknown = [name for name, _ in hosted.sizes if name not in header]
    if unknown:
        raise HostError(f"`{hosted.mixer}` has no size `{unknown[0]}`; it has {', '.join(header)}")


def _fresh(name: str, taken: set[str]) -> str:
    return name if name not in taken else _fresh(f"{name}_", taken)


def _model(hosted: Hosted, name: str) -> str:
    sizes = ", ".join(f"{key} = {value}" for key, value in hosted.sizes)
    brackets = f"[{sizes}]" if sizes else ""
    mixed = "h = rmsnorm[D](x)" + (" |> conv[4] |> silu" if _convolves(hosted) else "")
    output = "rmsnorm[D](x)" if hosted.encodes else "unembed[vocab](rmsnorm[D](x))"
    header = (
        f"D = {hosted.width}, L = {hosted.layers}, F = {hosted.hidden}, vocab = {hosted.vocabulary}"
    )
    return f"""model {name}[{header}] where causal {{
  param E[vocab, D] ~ normal({EMBEDDED})
  x = E[vocab = tokens]
  for layer in L {{
    {mixed}
    x = x + {hosted.mixer}{brackets}(h)
    x = x + linear[D](silu(linear[F](rmsnorm[D](x))))
  }}
  return {output}
}}"""


def _convolves(hosted: Hosted) -> bool:
    return settled(hosted.host, hosted.text, hosted.mixer) == "always"


@lru_cache(maxsize=256)
def settled(host: str, text: str, mixer: str) -> str:
    """`always` or `plain`: what `conv` is for a mixer. What does not check has no convolution."""
    if host != "conv":
        return host
    op = check(text).ops.get(mixer)
    return "plain" if op is not None and short(op.facts) == "conv" else "always"


def _decoder(hosted: Hosted, name: str) -> str:
    """Two layers on the vector and sines of the position, half of the channels each."""
    return f"""op {name}[D = {hosted.width}, two = 2, half = D / 2, vocab = {hosted.vocabulary}](
  z: Seq[D]
) -> Seq[vocab] where causal {{
  angle = t * 10000 ^ (-index[half]() / half)
  place = merge[two, half -> D](stack[two](sin(angle), cos(angle)))
  return unembed[vocab](silu(linear[D](z + place)))
}}"""
