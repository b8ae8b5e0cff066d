"""Direct logit attribution: what each head and each feed-forward layer adds to one logit, whose sum is the logit.

The residual stream is a sum, and the final norm is linear once its factor is fixed, so a logit is the sum of what the
parts of the stream give to it (Elhage et al. 2021, "A mathematical framework for transformer circuits"; Wang et al.
2023, section 3). A layer norm is taken in its centred form, (x - mean(x)) r g + b, with r as it came out for the
whole sum; so is a norm after a sublayer (Gemma 2 and 3, OLMo 2), with the factor of the sublayer's whole output.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attnviz.core.attention_data import Trace
from attnviz.core.errors import InputError
from attnviz.core.types import Float32
from attnviz.models.families.base import CausalStack, Stack, head_weight
from attnviz.models.families.bloom import Bloom
from attnviz.models.families.falcon import Falcon
from attnviz.models.families.gpt2 import Gpt2
from attnviz.models.families.gpt_neox import GptNeoX
from attnviz.models.families.hooks import HeadOutputs, Hook, Sublayer, hooked_too
from attnviz.models.families.layer_norm_decoder import LayerNormDecoder
from attnviz.models.families.llama import Llama
from attnviz.models.families.opt import Opt
from attnviz.models.families.registry import written_name
from attnviz.models.passes import TextPasses

Doubles = NDArray[np.float64]

# Layers that add W_o's output, normed or scaled as the class says, to the residual stream.
_ADDING = (
    Llama.forward_layer,
    Gpt2.forward_layer,
    GptNeoX.forward_layer,
    Opt.forward_layer,
    LayerNormDecoder.forward_layer,
    Falcon.forward_layer,
    Bloom.forward_layer,
)
# How far, in shares of the largest logit, the parts may miss a logit: float32 through all layers.
_MISS = 1e-3


@dataclass(frozen=True, eq=False)
class Attribution:
    """What adds up to one logit in one row.

    heads [layers, heads]; biases [layers]: of W_o; feed_forward [layers]; embedding; constant: the biases of the final
    norm and of the head; cap: what a soft cap of the logits takes away. logit: as the model computes it. remainder:
    the logit minus the sum of all parts, which is rounding.
    """

    heads: Float32
    biases: Float32
    feed_forward: Float32
    embedding: float
    constant: float
    cap: float
    logit: float

    @property
    def remainder(self) -> float:
        """Return what the parts miss of the logit."""
        parts = (self.heads, self.biases, self.feed_forward)
        total = sum(float(np.nansum(part, dtype=np.float64)) for part in parts)
        return self.logit - (total + self.embedding + self.constant + self.cap)


def attribute(passes: TextPasses, row: int, token: int) -> Attribution:
    """Return what each part of the model adds to the logit of a token id in a row.

    Raises InputError, by the family's name, for a model whose logit is no such sum: with norms on the residual stream
    (BERT and its kin, OPT's variant), or with layers of other kinds.
    """
    stack = passes.stack
    check_adding(stack)
    parts = _Parts(stack, row)
    with hooked_too(parts):
        final = passes.run()
    last = parts.outputs[-1]
    direction, constant = _direction(stack, last, final[row], token)
    uncapped = float(direction @ last) + constant
    logit = float(passes.logits(final[[row]])[0, token])
    cap = getattr(stack, "logit_cap", None)
    expected = uncapped if cap is None else float(cap) * np.tanh(uncapped / float(cap))
    if abs(expected - logit) > _MISS * max(1.0, abs(logit)):
        raise _no_sum(stack)
    updates = np.array(parts.updates)  # [layers, heads + 1, dim]
    added = updates @ direction
    before = [parts.inputs[0], *parts.outputs[:-1]]
    through = np.array([(after - read) @ direction for after, read in zip(parts.outputs, before, strict=True)])
    return Attribution(
        heads=added[:, :-1].astype(np.float32),
        biases=added[:, -1].astype(np.float32),
        feed_forward=(through - added.sum(axis=1)).astype(np.float32),
        embedding=float(direction @ parts.inputs[0]),
        constant=constant,
        cap=logit - uncapped if cap is not None else 0.0,
        logit=logit,
    )


def check_adding(stack: Stack) -> None:
    """Raise InputError for layers that do not add their sublayers' outputs to a residual stream."""
    known = isinstance(stack, CausalStack) and type(stack).forward_layer in _ADDING
    normed = (isinstance(stack, Opt) and not stack.config.flag("do_layer_norm_before", True)) or (
        isinstance(stack, Bloom) and stack.config.flag("apply_residual_connection_post_layernorm", False)
    )
    if not known or normed:
        raise _no_sum(stack)


def _no_sum(stack: Stack) -> InputError:
    family = stack.shape.family
    return InputError(
        "In {family} a logit is no sum of what the heads add: norms stand on the residual stream, or its layers are "
        "of another kind.",
        hint="The table of layers (without --answer), ablate and patch work with it.",
        family=written_name(family),
    )


class _Parts(Hook):
    """Keep what each head of each layer adds to one row of the residual stream, in float64."""

    def __init__(self, stack: Stack, row: int) -> None:
        self._stack, self._row = stack, row
        self._other = 0 if row else -1
        self._written: Doubles | None = None
        self.inputs: list[Doubles] = []
        self.outputs: list[Doubles] = []
        self.updates: list[Doubles] = []

    def layer_input(self, layer: int, hidden: Float32) -> Float32:  # noqa: ARG002
        """Keep the row that a layer reads."""
        self.inputs.append(hidden[self._row].astype(np.float64))
        return hidden

    def head_outputs(self, at: Sublayer, heads: HeadOutputs) -> Float32:  # noqa: ARG002
        """Keep what each head writes in the row through its columns of W_o, [heads, dim]."""
        rows, width = heads.context[:, [self._row, self._other]].astype(np.float64), heads.context.shape[-1]
        columns = [heads.projection[:, h * width : (h + 1) * width] for h in range(len(rows))]
        parts = [one @ each.T.astype(np.float64) for one, each in zip(rows, columns, strict=True)]
        self._written = np.array(parts)
        return heads.context

    def layer_output(
        self,
        layer: int,
        hidden: Float32,
        attention: Trace | None,
        cross_attention: Trace | None,  # noqa: ARG002
    ) -> Float32:
        """Keep the row that a layer gives, and what its heads and the bias of W_o added to it."""
        assert self._written is not None
        assert attention is not None
        whole = attention.output[[self._row, self._other]].astype(np.float64)
        bias, of_other = whole - self._written.sum(axis=0)
        if np.abs(bias - of_other).max() > _MISS * max(1.0, float(np.abs(whole).max())):
            raise _no_sum(self._stack)  # something that is no bias stands between the heads and the output
        parts = np.vstack([self._written[:, 0], bias])
        self.updates.append(_added(self._stack, layer, attention.output[[self._row]], parts))
        self.outputs.append(hidden[self._row].astype(np.float64))
        return hidden


def _added(stack: Stack, layer: int, output: Float32, parts: Doubles) -> Doubles:
    """Return what parts [n, dim] of a sublayer's output [1, dim] add to the residual stream, norms' factors fixed."""
    if not isinstance(stack, Llama):
        return parts
    name = stack.norms.after_attention
    if name is not None:
        normed = stack.norm(f"{stack.layer.format(n=layer)}.{name}", output, stack.dim)[0].astype(np.float64)
        exact = output[0].astype(np.float64)
        parts = parts * np.divide(normed, exact, out=np.zeros_like(exact), where=exact != 0)
    none = np.zeros((1, stack.dim), dtype=np.float32)
    probe = stack.add(none, np.ones_like(none))[0].astype(np.float64)  # a factor on the update, as Granite has it
    added: Doubles = parts * probe
    return added


def _direction(stack: Stack, last: Doubles, final: Float32, token: int) -> tuple[Doubles, float]:
    """Return the direction [dim] and the constant with which a residual row gives the token's logit before a cap.

    last: the row [dim] before the final norm, final: after it. The norm is y = c r g + b with c the row, or the row
    minus its mean: b is the norm of zeros, g that of a row of large alternating numbers, r follows from `last`.
    """
    dim = len(last)
    amplitude = 1e6
    signs = np.where(np.arange(dim) % 2 == 0, 1.0, -1.0)
    probes = np.array([np.zeros(dim), signs * amplitude, np.roll(signs, 1) * amplitude], dtype=np.float32)
    zero, one, other = (finished.astype(np.float64) for finished in stack.finish(np.asfortranarray(probes)))
    shifted = stack.finish((last + 10 * max(1.0, float(np.abs(last).max())))[None].astype(np.float32))[0]
    centred = bool(np.linalg.norm(shifted - final) < 1e-2 * max(1e-6, float(np.linalg.norm(final - zero))))
    gain = _gain(one - zero, signs, other - zero, np.roll(signs, 1), centred=centred)
    row = last - last.mean() if centred else last
    scaled = row * gain
    factor = float((final - zero) @ scaled / (scaled @ scaled)) if scaled.any() else 0.0
    assert isinstance(stack, CausalStack)
    tied = stack.config.flag("tie_word_embeddings", stack.tied)
    matrix = head_weight(stack.weights, stack.head, stack.embedding, (stack.vocabulary, stack.width), tied=tied)
    unembedding = matrix[token].astype(np.float64)
    if len(unembedding) != dim:
        raise _no_sum(stack)
    offset, scale = _head(stack, matrix[token], token)
    direction = scale * factor * unembedding * gain
    if centred:
        direction = direction - direction.mean()
    return direction, float(scale * (unembedding @ zero)) + offset


def _gain(one: Doubles, signs: Doubles, other: Doubles, turned: Doubles, *, centred: bool) -> Doubles:
    """Return a norm's weight g [dim] from the norms, without their bias, of two rows of alternating signs."""
    mean = signs.mean() if centred else 0.0
    moved = signs - mean
    length = np.sqrt((moved * moved).mean())
    first: Doubles = one * length / moved
    if len(signs) % 2 == 0 or not centred:
        return first
    moved = turned - turned.mean()
    second = other * np.sqrt((moved * moved).mean()) / moved
    both: Doubles = (first + second) / 2
    return both


def _head(stack: CausalStack, unembedding: Float32, token: int) -> tuple[float, float]:
    """Return the head's bias of a token and the factor on its logits, 1 where a cap hides it."""
    if getattr(stack, "logit_cap", None) is not None:
        return 0.0, 1.0
    length = float(np.linalg.norm(unembedding.astype(np.float64)))
    probes = np.vstack([np.zeros_like(unembedding), unembedding / np.float32(length or 1.0)])
    none, along = (float(scores[token]) for scores in stack.score(probes))
    return none, (along - none) / length if length else 1.0
