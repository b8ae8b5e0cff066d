"""One text in an open model, to be run several times with hooks that change something, each from where it matters."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from attnviz.core.attention_data import Token
from attnviz.core.errors import InputError
from attnviz.core.types import Float32
from attnviz.i18n.messages import Message
from attnviz.models.checkpoint import naming_file
from attnviz.models.families.base import Stack
from attnviz.models.families.hooks import Hook, hooked_too
from attnviz.models.families.layers import finite
from attnviz.models.forward import run_from
from attnviz.models.masks import check_head
from attnviz.models.model import Model

if TYPE_CHECKING:
    from attnviz.models.tokenizers.tokenizer import EncodedText

# Logits that are computed at once: 64 million take 256 MB.
_MOST_LOGITS = 2**26


@dataclass
class TextPasses:
    """A text's tokens and a model's layers for them; hidden states that the layers read are kept by `run`.

    inputs: for each layer the hidden states [n, dim] that it read in the last `run`.
    """

    model: Model
    source: str
    encoded: EncodedText
    inputs: list[Float32] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Open the layers."""
        self.stack: Stack = self.model.network.open_stack(self.encoded.ids)

    @property
    def tokens(self) -> tuple[Token, ...]:
        """Return the text's tokens, special ones among them."""
        return self.encoded.tokens

    def notes(self) -> tuple[Message, ...]:
        """Return what a reader should know of the text and of the model."""
        return (*self.model.notes_on_text(self.encoded), *self.model.notes)

    def embed(self) -> Float32:
        """Return the first layer's input [n, dim]."""
        segments = self.encoded.segments
        given = segments if segments.any() and self.model.network.has_segments else None
        with self.named():
            return np.asfortranarray(self.stack.embed(self.encoded.ids, given))

    def run(self, hook: Hook | None = None) -> Float32:
        """Run all layers and keep what each reads; return the hidden states [n, dim] after the final norm."""
        keeping = _KeepInputs()
        with self.named(), hooked_too(keeping), hooked_too(hook):
            final = run_from(self.stack, self.embed())
        self.inputs = keeping.inputs
        return final

    def run_again(self, layer: int, hook: Hook) -> Float32:
        """Run from a layer's kept input on, under a hook; return the hidden states [n, dim] after the final norm."""
        with self.named(), hooked_too(hook):
            return run_from(self.stack, self.inputs[layer], layer)

    def logits(self, hidden: Float32) -> Float32:
        """Return the language model's logits [n, vocabulary] of hidden states [n, dim] after the final norm.

        Raises InputError for a model that has no head for them.
        """
        with self.named(), np.errstate(over="ignore", invalid="ignore"):
            return finite(self.stack.score(hidden))

    def probability(self, hidden: Float32, row: int, number: int) -> float:
        """Return the probability of one token after a row of hidden states [n, dim], after the final norm."""
        return float(np.exp(self.log_probabilities(hidden[[row]])[0, number].astype(np.float64)))

    def log_probabilities(self, hidden: Float32) -> Float32:
        """Return the logarithms of the softmax of the logits, [n, vocabulary]."""
        return log_softmax(self.logits(hidden))

    def rows_at_once(self) -> int:
        """Return how many rows' logits fit into memory together, at least 1."""
        return max(1, _MOST_LOGITS // self.model.shape.vocabulary)

    def named(self) -> AbstractContextManager[None]:
        """Return a context in which an error names the model's file."""
        return naming_file(self.model.checkpoint.path)


def open_passes(model: Model, text: str, pair: str | None = None, *, speaks: bool = False) -> TextPasses:
    """Return the text's tokens with the model's layers; pair: a second segment; speaks: logits are asked for.

    Raises InputError for an encoder-decoder, for a text that the model cannot read, and for a model without a head that
    gives words where it speaks.
    """
    if model.shape.encoder_decoder:
        raise InputError(
            "{name} has an encoder and a decoder: this takes a model of one stack.",
            hint="It can be looked at by run, heads and next.",
            name=model.name,
        )
    if speaks and not model.network.reads_pictures:
        check_head(model.checkpoint, model.network)
    return TextPasses(model, text if pair is None else f"{text}\n{pair}", model.encode(text, pair))


def log_softmax(logits: Float32) -> Float32:
    """Return log softmax of the last axis, in float64 sums."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    total = np.log(np.exp(shifted, dtype=np.float64).sum(axis=-1, keepdims=True))
    result: Float32 = (shifted - total).astype(np.float32)
    return result


class _KeepInputs(Hook):
    """Keep the hidden states that each layer reads."""

    def __init__(self) -> None:
        self.inputs: list[Float32] = []

    def layer_input(self, layer: int, hidden: Float32) -> Float32:  # noqa: ARG002
        """Keep them, and return them as they are."""
        self.inputs.append(hidden)
        return hidden
