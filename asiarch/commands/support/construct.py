"""A module from a class, a factory or an instance: arguments given, and made up where the meaning
of their names is plain.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any, cast

from asiarch.commands.support.errors import CommandError
from asiarch.commands.support.target import told
from asiarch.language.names import suggest

WIDTH, HEADS, LONGEST = 32, 4, 256

_NAMES = f"""
{WIDTH}: d_model dim hidden_size embed_dim embedding_dim emb_dim n_embd n_embed embed_size emb_size
{WIDTH}: width channels d features num_features num_channels model_dim size dims n_state d_in d_out
{WIDTH}: in_features out_features input_size output_size input_dim output_dim in_dim out_dim
{WIDTH}: in_channels out_channels
{HEADS}: n_heads num_heads nhead nheads heads n_head num_attention_heads h num_kv_heads
{HEADS}: num_key_value_heads kv_heads n_kv_heads
8: head_dim d_head dim_head head_size d_k d_v key_dim value_dim d_state state_size state_dim rank
64: vocab_size vocab n_vocab num_tokens num_embeddings ntoken n_tokens
64: d_ff ffn_dim intermediate_size hidden_dim dim_feedforward d_inner
2: n_layers num_layers depth n_layer layers num_hidden_layers top_k k expand dilation
{LONGEST}: max_len seq_len max_seq_len block_size context_length n_ctx max_position_embeddings
{LONGEST}: max_length max_seq_length seq_length sequence_length context_size context max_positions
{LONGEST}: max_t ctx_len l_max
0.1: dropout p dropout_p drop attn_dropout resid_dropout
3: kernel_size kernel conv_size conv_kernel d_conv
16: window window_size chunk chunk_size block
4: num_experts n_experts experts
1: groups stride
True: causal is_causal batch_first bias
0: layer_idx layer_id layer_index
1e-5: eps epsilon norm_eps
"""
MEANINGS: dict[str, Any] = {
    name: ast.literal_eval(value)
    for value, _, names in (line.partition(":") for line in _NAMES.strip().splitlines())
    for name in names.split()
}
"""What a constructor's argument of that name is given. Widths divide by heads."""


@dataclasses.dataclass(frozen=True, slots=True)
class Built:
    """The module, and the call that made it as text."""

    module: Any
    call: str


def build(name: str, target: Any, given: Mapping[str, Any], classes: Mapping[str, Any]) -> Built:
    """A module from what `name` is. classes: what else the file holds, for configurations.

    given: arguments by name; `config.width` sets a field of the argument `config`.
    Raises CommandError.
    """
    from torch import nn

    if isinstance(target, nn.Module):
        if given:
            raise CommandError(f"`{name}` is a module already; --arg is for a class or a factory")
        return Built(target, name)
    if not callable(target):
        raise CommandError(
            f"`{name}` is a {type(target).__name__}, not a torch module or a factory"
        )
    made, call = _called(name, target, given, classes)
    if not isinstance(made, nn.Module):
        raise CommandError(
            f"{call} gave a {type(made).__name__}, not a torch module; for a function of tensors "
            "name a factory that returns a module around it"
        )
    return Built(made, call)


def _called(
    name: str, target: Callable[..., Any], given: Mapping[str, Any], classes: Mapping[str, Any]
) -> tuple[Any, str]:
    parameters = _parameters(name, target)
    direct = {k: v for k, v in given.items() if "." not in k}
    nested = {k: v for k, v in given.items() if "." in k}
    open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    for key in [*direct, *(k.split(".")[0] for k in nested)]:
        if key not in parameters and not open_ended:
            near = suggest(key, list(parameters))
            hint = (
                f"did you mean `{near}`?" if near else f"it has {', '.join(parameters) or 'none'}"
            )
            raise CommandError(f"{name} has no argument `{key}`; {hint}")
    arguments, missing = dict(direct), list[str]()
    for key, parameter in parameters.items():
        if key in arguments or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        inside = {k.partition(".")[2]: v for k, v in nested.items() if k.startswith(f"{key}.")}
        if parameter.default is not parameter.empty and not inside:
            continue
        made, value = _made_up(target, parameter, inside, classes)
        if made:
            arguments[key] = value
        else:
            missing.append(key)
    if missing:
        flags = " ".join(f"--arg {key}=..." for key in missing)
        raise CommandError(f"{name}{_shown(target)} needs {', '.join(missing)}: give {flags}")
    spelled = ", ".join(f"{k}={_brief(v)}" for k, v in arguments.items())
    call = f"{name}({spelled})"
    return told(f"making {call}", lambda: target(**arguments)), call


def _parameters(name: str, target: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    try:
        return dict(inspect.signature(target).parameters)
    except (TypeError, ValueError):
        raise CommandError(f"`{name}` has no signature: name a factory of your own") from None


def _shown(target: Callable[..., Any]) -> str:
    return str(inspect.signature(target))[:200]


def _made_up(
    target: Any,
    parameter: inspect.Parameter,
    inside: Mapping[str, Any],
    classes: Mapping[str, Any],
) -> tuple[bool, Any]:
    """Whether a value could be made up, and the value."""
    if parameter.name in MEANINGS and not inside:
        return True, MEANINGS[parameter.name]
    kind = _annotation(target, parameter)
    if inspect.isclass(kind) and kind.__module__ != "builtins" and not _is_torch(kind):
        return True, _called(kind.__name__, kind, inside, classes)[0]
    if parameter.name in ("config", "cfg", "args", "conf", "params", "hparams"):
        fitting = [
            c for n, c in classes.items() if n.lower().endswith(("config", "args", "params"))
        ]
        if len(fitting) == 1:
            return True, _called(fitting[0].__name__, fitting[0], inside, classes)[0]
    return False, None


def _annotation(target: Any, parameter: inspect.Parameter) -> Any:
    function = cast(Any, target).__init__ if inspect.isclass(target) else target
    try:
        return typing.get_type_hints(function).get(parameter.name)
    except Exception:  # annotations may name what is not there
        return None


def _is_torch(kind: type) -> bool:
    return kind.__module__.split(".")[0] in ("torch", "typing", "collections")


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{type(value).__name__}(...)"


def argument(text: str) -> tuple[str, Any]:
    """`name=value` of the command line; a value that is no Python literal is a string."""
    name, equals, value = text.partition("=")
    if not equals or not all(part.isidentifier() for part in name.strip().split(".")):
        raise ValueError(f"{text!r} is not NAME=VALUE, as in dim=64")
    try:
        return name.strip(), ast.literal_eval(value.strip())
    except (SyntaxError, ValueError):
        return name.strip(), value.strip()
