"""The network of `network.py` as a causal language model of transformers.

The mathematics is in `network.py`. Here: padding, the state as cache, the loss.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast

from torch import Tensor, nn
from torch.nn import functional
from transformers import GenerationMixin, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithPast

from .configuration_asiarch import AsiarchConfig
from .network import Network
from .states_asiarch import States

# What transformers calls the cache: `past_key_values` up to 5.23.
CACHE = "cache" if hasattr(CausalLMOutputWithPast, "cache") else "past_key_values"


class AsiarchForCausalLM(PreTrainedModel, GenerationMixin):
    """`generate` works with and without the state as cache, in beams, and with padded rows."""

    config_class = AsiarchConfig
    base_model_prefix = "network"
    _no_split_modules = [Network.__name__]  # noqa: RUF012
    _is_stateful = True  # no assisted generation: a state does not forget what was refused

    def __init__(self, config: AsiarchConfig) -> None:
        super().__init__(config)
        self.network = Network()
        self._drawn = all(not p.is_meta for p in self.network.parameters())
        self.post_init()

    @classmethod
    def _supports_default_dynamic_cache(cls) -> bool:
        return False

    def _init_weights(self, module: nn.Module) -> None:
        """Values that a checkpoint lacks. A network that is made draws its own."""
        if self._drawn:
            return
        names: dict[nn.Module, str] = {p: name for name, p in self.network.named_modules()}
        if module not in names:
            return
        fresh = Network().get_submodule(names[module])
        for own, drawn in (
            *zip(module.parameters(False), fresh.parameters(False), strict=True),
            *zip(module.buffers(False), fresh.buffers(False), strict=True),
        ):
            if not getattr(own, "_is_hf_initialized", False):
                own.copy_(drawn)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        cache: States | None = None,
        past_key_values: States | None = None,
        labels: Tensor | None = None,
        use_cache: bool | None = None,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
        inputs_embeds: Tensor | None = None,
        return_dict: bool | None = None,
        **options: Any,
    ) -> Any:
        """Logits [batch, time, vocab] of ids [batch, time], and what else was asked for.

        attention_mask: [batch, time], or with the tokens that the cache has seen in front; a token
        at 0 is not read. labels: [batch, time], the ids again; -100 counts for nothing. cache: what
        an earlier call returned (`past_key_values` is its other name).
        """
        if input_ids is None or inputs_embeds is not None:
            raise ValueError("the network reads ids: give input_ids, not inputs_embeds")
        if output_attentions:
            raise ValueError("the network has no attention matrices to give out")
        before = cache if cache is not None else past_key_values
        if before is not None and not isinstance(cast("Any", before), States):
            raise TypeError(f"the cache is what this model returned, not {type(before).__name__}")
        if output_hidden_states is None:
            output_hidden_states = bool(self.config.output_hidden_states)
        if use_cache is None:
            use_cache = bool(self.config.use_cache) and not self.training
        with _outputs_of_layers(self.network, output_hidden_states) as hidden:
            logits, state, real = self._read(input_ids, attention_mask, before, use_cache)
        seen = input_ids.shape[1] + (before.seen if before else 0)
        named: dict[str, Any] = {
            "loss": None if labels is None else self._loss(logits, labels, **options),
            "logits": logits,
            CACHE: States(state, seen) if use_cache else None,
            "hidden_states": tuple(spread(x, real) for x in hidden) or None,
        }
        output = CausalLMOutputWithPast(**named)
        return output.to_tuple() if return_dict is False else output

    def _read(
        self, ids: Tensor, mask: Tensor | None, before: States | None, use_cache: bool
    ) -> tuple[Tensor, Any, Tensor | None]:
        """Logits, the state after the ids, and which of them were read (None: all)."""
        real = _read_of(ids, mask)
        if real is None:
            cuts = None
        else:
            ids, cuts = ids[real][None], functional.pad(real.sum(1).cumsum(0), (1, 0))
        state = before.tree if before else None
        result = self.network(ids, state=state, cu_seqlens=cuts, return_state=use_cache)
        logits, state = result if use_cache else (result, None)
        return spread(logits, real), state, real

    def _loss(self, logits: Tensor, labels: Tensor, **options: Any) -> Tensor:
        """Mean nats of the next token; in training with what the network adds to it."""
        vocabulary = logits.shape[-1]
        loss: Tensor = self.loss_function(logits, labels, vocab_size=vocabulary, **options)
        if self.training:
            for part in self.network.modules():
                term = getattr(part, "auxiliary_loss", None)
                loss = loss + term if isinstance(term, Tensor) else loss
        return loss


def _read_of(ids: Tensor, mask: Tensor | None) -> Tensor | None:
    """[batch, time], which ids are no padding; None when none is."""
    if mask is None:
        return None
    if mask.dim() != 2 or len(mask) != len(ids) or mask.shape[1] < ids.shape[1]:
        raise ValueError(
            f"attention_mask must be [batch, time] for ids {list(ids.shape)}, not "
            f"{list(mask.shape)}: which token sees which is in the network"
        )
    real = mask[:, -ids.shape[1] :].bool()
    return None if bool(real.all()) else real


def spread(x: Tensor, real: Tensor | None) -> Tensor:
    """Rows that were packed [1, tokens, ...] where they belong [batch, time, ...], 0 elsewhere."""
    if real is None:
        return x
    return x.new_zeros(*real.shape, *x.shape[2:]).index_put((real,), x[0])


@contextmanager
def _outputs_of_layers(network: nn.Module, wanted: bool) -> Generator[list[Tensor]]:
    """What the first layer reads and what every layer gives; nothing when it is not wanted."""
    stacks = [part for part in network.children() if isinstance(part, nn.ModuleList)]
    layers = [layer for stack in stacks for layer in stack]
    if wanted and not layers:
        raise ValueError("the network has no layers whose outputs could be hidden states")
    found: list[Tensor] = []

    def keep(layer: nn.Module, given: tuple[Any, ...], output: Any) -> None:
        if not found:
            found.append(given[0])
        value = output[0]
        found.append(value[0] if isinstance(value, tuple) else value)

    hooks = [layer.register_forward_hook(keep) for layer in layers] if wanted else []
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()
