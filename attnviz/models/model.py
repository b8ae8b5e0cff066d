"""A model that is open: text in, attention out, as often as you like."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import isqrt
from numbers import Integral
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from attnviz.core.attention_data import Attention, Token
from attnviz.core.errors import InputError, OptionError, unknown_choice
from attnviz.i18n.messages import Message, message
from attnviz.models import ATTENTIONS
from attnviz.models.checkpoint import Checkpoint, open_checkpoint
from attnviz.models.families.base import ModelShape
from attnviz.models.families.registry import shape_of
from attnviz.models.forward import Passed, forward
from attnviz.models.generate import read_target, say
from attnviz.models.locate import find
from attnviz.models.tokenizers.tokenizer import Encoded, TextTokenizer
from attnviz.models.windows import slide
from attnviz.text.merge_pieces import hide_special, merge_tokens

MOST_WEIGHTS = 2**30
_LONG_WORD = 64  # characters; no text has tokens that are longer than this throughout


def load(reference: str | Path, *, download: bool = False) -> Model:
    """Open the model that `reference` names; its weights are read when they are needed.

    What it computes comes from `attend`, or from `attnviz.run(text, model=reference)`. Attention that was computed
    elsewhere and saved is no model: `attnviz.load_weights` reads it.

    reference: a folder in Hugging Face's layout, a .gguf file, pkg:NAME for the model in an installed Python package,
    or a hub name that the local cache has; with `download` the hub itself.
    Raises InputError where it cannot be opened or is of a family that is not known, MissingError without the extra.
    """
    place = find(reference, download=download)
    checkpoint = open_checkpoint(place)
    with naming(checkpoint.config_path):
        return Model(checkpoint, shape_of(checkpoint.config), place.reference)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Whatever is wrong with a model is told with the file that it is in."""
    try:
        yield
    except InputError as error:
        raise error.about(path) from None


@lru_cache(maxsize=1)
def opened(reference: str, download: bool = False) -> Model:
    """The same as `load`; the model last used stays open for the next text."""
    return load(reference, download=download)


@dataclass(frozen=True, eq=False)
class Model:
    """A model's files and its size; `attend` runs it on a text."""

    checkpoint: Checkpoint
    shape: ModelShape
    reference: str

    @property
    def name(self) -> str:
        """Its short name, as captions have it."""
        return self.checkpoint.name

    def __repr__(self) -> str:
        """Name and size, never the weights."""
        return f"<Model {self.name}: {self.shape.family}, {self.shape.layers} layers x {self.shape.heads} heads>"

    @cached_property
    def tokenizer(self) -> TextTokenizer:
        """What cuts a text into this model's tokens."""
        with naming(self.checkpoint.path):
            return self.checkpoint.tokenizer

    def attend(
        self,
        text: str,
        *,
        pair: str | None = None,
        keys: str | None = None,
        layers: int | Collection[int] | None = None,
        merge: str = "char",
        special: bool = True,
        renormalize: bool = False,
        window: int | None = None,
        stride: int | None = None,
        attention: str = "auto",
        traces: bool = True,
    ) -> Attention:
        """Who looks at whom in `text`: the weights of every head of these layers (None is all, -1 the last).

        pair: a second text, for families with segments. keys: the target text of an encoder-decoder, whose words look
        at those of `text`; without it the model's own words are taken, greedily. merge: none, char or word (see
        merging.merge_tokens). special: False hides [CLS] and the like, and `renormalize` makes the rows sum to 1
        again. window, stride: slide over a text that is longer than the model's positions. attention: which of an
        encoder-decoder's: encoder (the text's words among themselves), decoder (the target's) or cross (the target's
        words at the text's, which is auto). traces: keep every intermediate, for one who explains.
        Raises InputError where the text is longer than the model can take, and for what the model's files lack.
        """
        translates = self._translates(attention)
        self._check(pair, keys, window, stride, translates)
        if renormalize and special:
            raise OptionError("--renormalize goes with --no-special: without it every row sums to 1 already.")
        if translates:
            found = self._translated(text, keys, self._numbers(layers, decoder=True), attention, traces)
        elif window is not None or stride is not None:
            found = self._slid(text, pair, self._numbers(layers), window, stride, traces)
        else:
            found = self._read(text, pair, self._numbers(layers), traces)
        merged = merge_tokens(found, merge)
        return merged if special else hide_special(merged, renormalize=renormalize)

    def _translates(self, attention: str) -> bool:
        """Whether the decoder is asked; OptionError for an attention that there is not."""
        known = self.shape.attentions
        if attention not in ("auto", *known):
            if attention not in ATTENTIONS:
                raise unknown_choice("--attention", attention, ("auto", *ATTENTIONS))
            raise OptionError(
                "{name} has only the attention of its {only}, not {attention}.",
                hint="Leave --attention out.",
                name=self.name,
                attention=attention,
                only=known[0],
            )
        return self.shape.encoder_decoder and attention != "encoder"

    def _check(
        self, pair: str | None, keys: str | None, window: int | None, stride: int | None, translates: bool
    ) -> None:
        if keys is not None and not self.shape.encoder_decoder:
            raise InputError(
                "{name} reads one text: keys are the target text of an encoder-decoder.",
                hint="Leave --keys out." if self.shape.causal else "Give two segments with --pair.",
                name=self.name,
            )
        if keys is not None and not translates:
            raise OptionError(
                "The encoder reads one text: keys are the target text, which the decoder reads.",
                hint="Leave --keys out, or ask for --attention cross or decoder.",
            )
        if pair is not None and translates:
            raise InputError("{name} translates one text: give its target with --keys, and no --pair.", name=self.name)
        if pair is not None and self.shape.causal:
            raise InputError(
                "{name} reads one text from left to right and knows no segments.",
                hint="Leave --pair out, and put both texts into one.",
                name=self.name,
            )
        for option, value in (("--window", window), ("--stride", stride)):
            if value is not None and not isinstance(value, Integral):
                raise OptionError("{option} must be a whole number, not {value!r}.", option=option, value=value)
        if (window, stride) != (None, None) and translates:
            raise OptionError(
                "--window slides over the text of one stack; {name} has an encoder and a decoder.",
                hint="--attention encoder has one text.",
                name=self.name,
            )

    def _numbers(self, layers: int | Collection[int] | None, *, decoder: bool = False) -> list[int] | None:
        """The layers from 0, where -1 is the last."""
        if layers is None:
            return None
        layers = layers if isinstance(layers, Collection) and not isinstance(layers, str) else [layers]
        if not all(isinstance(layer, Integral) for layer in layers):
            raise OptionError("layers are whole numbers, not {value!r}.", value=list(layers))
        count = (self.shape.decoder_layers if decoder else None) or self.shape.layers
        return [layer + count if -count <= layer < 0 else layer for layer in layers]

    def _encoded(self, text: str, pair: str | None, layers: list[int] | None, *, slides: bool = False) -> Encoded:
        for each in (text, pair):
            if isinstance(each, str):
                self._check_beginning(each, layers, slides)
        encoded = self.tokenizer.encode(text, pair)
        last = int(encoded.ids.max())
        if last >= self.shape.vocabulary:
            raise InputError(
                "The tokenizer of {name} gives the id {id}, and the model's vocabulary has {count}.",
                name=self.name,
                id=last,
                count=self.shape.vocabulary,
            )
        return encoded

    def _check_beginning(self, text: str, layers: list[int] | None, slides: bool) -> None:
        """Refuse a text of which the beginning is too long already; to cut megabytes would take half a minute."""
        most = isqrt(MOST_WEIGHTS // (self.shape.heads * max(1, self._kept(layers))))
        if self.shape.positions is not None and not slides:
            most = min(most, self.shape.positions)
        beginning = text.lstrip()[: _LONG_WORD * most]
        if len(beginning) < len(text):
            self._check_length(self.tokenizer.count(beginning), layers, slides=slides, beyond=True)

    def _kept(self, layers: list[int] | None) -> int:
        return self.shape.layers if layers is None else len(layers)

    def _read(self, text: str, pair: str | None, layers: list[int] | None, traces: bool) -> Attention:
        encoded = self._encoded(text, pair, layers)
        self._check_length(len(encoded.ids), layers)
        passed = self._forward(encoded.ids, encoded.segments, layers, traces)
        begins = None if pair is None else len(text) + 1
        return self._attention(
            encoded.tokens,
            _source(text, pair),
            passed,
            unknown_words=_unknown_words(encoded),
            pair=pair,
            pair_start=begins,
        )

    def _forward(
        self, ids: NDArray[np.int64], segments: NDArray[np.int64], layers: list[int] | None, traces: bool
    ) -> Passed:
        given = segments.tolist() if segments.any() and self._has_segments else None
        kind: Literal["auto", "encoder"] = "encoder" if self.shape.encoder_decoder else "auto"
        with naming(self.checkpoint.path):
            return forward(
                self.checkpoint.config,
                self.checkpoint.tensors,
                ids.tolist(),
                segments=given,
                layers=layers,
                traces=traces,
                kind=kind,
            )

    @property
    def _has_segments(self) -> bool:
        """Whether the family tells two segments apart: BERT's does, unless it was trained with one only."""
        return int(self.checkpoint.config.get("type_vocab_size", 0 if self.shape.causal else 2) or 0) > 1

    def _check_length(
        self, count: int, layers: list[int] | None, *, slides: bool = False, beyond: bool = False
    ) -> None:
        """Refuse a text of so many tokens, or, with `beyond`, of more than so many, where it is too long."""
        most = self.shape.positions
        if most is not None and count > most and not slides:
            raise InputError(
                "The text has {count} tokens, and {name} can take {most}.",
                hint="Give a shorter text, or slide over it with --window {most}.",
                count=_amount(count, beyond),
                name=self.name,
                most=most,
            )
        kept = self._kept(layers)
        weights = kept * self.shape.heads * count**2
        if weights > MOST_WEIGHTS:
            raise InputError(
                "The text has {count} tokens: {weights} weights ({size} GB) in layers x heads = {layers} x {heads}.",
                hint="Give a shorter text." if kept == 1 else "Give a shorter text, or ask for one layer.",
                count=_amount(count, beyond),
                layers=kept,
                heads=self.shape.heads,
                weights=_amount(weights, beyond),
                size=f"{4 * weights / 1e9:.1f}",
            )

    def _attention(
        self,
        tokens: tuple[Token, ...],
        source: str,
        passed: Passed,
        notes: tuple[Message, ...] = (),
        asked: tuple[tuple[Token, ...], str] | None = None,
        **more: Any,
    ) -> Attention:
        """What a pass gave, with its tokens; asked: those of another text, and that text, in cross-attention."""
        key, key_source = (tokens, None) if asked is None else asked
        return Attention(
            query=tokens,
            key=key,
            weights=passed.weights,
            allowed=passed.allowed,
            layers=passed.layers,
            source=source,
            key_source=key_source,
            output=passed.traces[-1].output if passed.traces else None,
            traces=passed.traces,
            settings=self._settings(**more),
            notes=notes,
        )

    def _settings(self, **more: Any) -> dict[str, Any]:
        """How it was computed, under the names that the toy's settings have where they mean the same."""
        shape = self.shape
        return {
            "model": self.name,
            "reference": self.reference,
            "family": shape.family,
            "layers": shape.layers,
            "heads": shape.heads,
            "dim": shape.dim,
            "embedding": "model",
            "tokens": "model",
            "projection": "model",
            "position": "own",
            "mask": "causal" if shape.causal else "none",
            "temperature": 1.0,
            "unknown": self.tokenizer.unknown,
            **({"attention": "encoder"} if shape.encoder_decoder else {}),
            **{name: value for name, value in more.items() if value is not None},
        }

    def _slid(
        self,
        text: str,
        pair: str | None,
        layers: list[int] | None,
        window: int | None,
        stride: int | None,
        traces: bool,
    ) -> Attention:
        """Windows over the text, see windows.slide; one that holds all of it is no window."""
        if pair is not None:
            raise OptionError("--window slides over one text, not over a pair.")
        encoded = self._encoded(text, None, layers, slides=True)
        self._check_length(len(encoded.ids), layers, slides=True)

        def one(chosen: NDArray[np.int64], whole: bool) -> Passed:
            return self._forward(encoded.ids[chosen], encoded.segments[chosen], layers, traces and whole)

        slid = slide(encoded.special, one, window=window, stride=stride, most=self.shape.positions)
        unknown = _unknown_words(encoded)
        if slid.windows == 1:
            return self._attention(encoded.tokens, text, slid.passed, unknown_words=unknown)
        note = message(
            "Read in {count} windows of {window} tokens, {stride} apart; each row is the mean over the windows "
            "that its token is in.",
            count=slid.windows,
            window=slid.window,
            stride=slid.stride,
        )
        return self._attention(
            encoded.tokens, text, slid.passed, (note,), unknown_words=unknown, window=slid.window, stride=slid.stride
        )

    def _translated(
        self, text: str, target: str | None, layers: list[int] | None, attention: str, traces: bool
    ) -> Attention:
        """The decoder's words: they look at the text (cross), or at those before them (decoder)."""
        encoded = self._encoded(text, None, layers)
        self._check_length(len(encoded.ids), layers)
        given = None if target is None else read_target(self.checkpoint, target)
        alone = attention == "decoder"
        with naming(self.checkpoint.path):
            said = say(self.checkpoint, encoded.ids) if given is None else given
            passed = forward(
                self.checkpoint.config,
                self.checkpoint.tensors,
                encoded.ids.tolist(),
                target_ids=said.ids,
                layers=layers,
                kind="decoder" if alone else "cross",
                traces=traces,
            )
        asked = None if alone else (encoded.tokens, text)
        return self._attention(
            said.tokens,
            said.text,
            passed,
            said.notes,
            asked,
            layers=self.shape.decoder_layers,
            heads=self.shape.decoder_heads,
            mask="causal" if alone else "none",
            attention="decoder" if alone else "cross",
            unknown_words=_unknown_words(encoded),
        )


def _source(text: str, pair: str | None) -> str:
    """The text that spans count in: both of a pair, a line each."""
    return text if pair is None else f"{text}\n{pair}"


def _amount(count: int, beyond: bool) -> Message:
    return message("more than {count}", count=f"{count:,}") if beyond else message("{text}", text=f"{count:,}")


def _unknown_words(encoded: Encoded) -> dict[str, int]:
    """How many words the text has, and how many of them are unknown: the vocabulary lacks a part of them."""
    words = np.where(encoded.special, -1, encoded.words)
    unknown = len(set(words[encoded.unknown & (words >= 0)].tolist()))
    return {"unknown": unknown, "words": len(set(words[words >= 0].tolist()))}
