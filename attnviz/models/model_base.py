"""What an open model is, and how it cuts a text: the part of `Model` that every way of running it stands on."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from attnviz.core.argument_kinds import WHOLE, check_arguments
from attnviz.core.attention_data import Attention, Token
from attnviz.core.errors import InputError
from attnviz.core.memory_limit import memory_left, out_of_memory_for_model, out_of_memory_for_tokens
from attnviz.core.provenance import HeadsSwitchedOff, ModelOrigin, Provenance, UnknownWords
from attnviz.core.token import SINK
from attnviz.i18n.messages import Message, listed, message
from attnviz.models.checkpoint import Checkpoint, naming_file, unused_note
from attnviz.models.families.base import ModelShape
from attnviz.models.families.hooks import hooked_too
from attnviz.models.families.registry import written_name
from attnviz.models.forward import ForwardOutput, Network, Request
from attnviz.models.limits import TextLimits
from attnviz.models.options import Options, change_options, check_fit, check_options, reads_target
from attnviz.models.tokenizers.left_out import left_out_notes
from attnviz.models.tokenizers.tokenizer import EncodedText, TextTokenizer
from attnviz.text.merge_pieces import WordCut, join_tokens
from attnviz.text.tokenize import KnownWords
from attnviz.text.word_spans import spell_words, word_spans

if TYPE_CHECKING:
    from attnviz.core.tokenized_text import TokenizedText
    from attnviz.models.heads_off import HeadsOff
    from attnviz.models.tokenizers.languages import LanguagePair


NOTHING_KEPT = Request(layers=())

# Bytes that opening a tokenizer and the first layers take, as measured: all models, and for each vocabulary entry.
_MEMORY, _MEMORY_PER_TOKEN = 34_000_000, 800


def word_cut(text: str, options: Options, known: KnownWords | None) -> WordCut:
    """Return what gives the spans of a source's words; of the text, those that are given by hand, where they are."""

    def cut(source: str) -> Sequence[tuple[int, int]]:
        if options.words is None or not source.startswith(text):
            return word_spans(source, known)
        rest = word_spans(source[len(text) :], known)
        return [*spell_words(options.words, text), *((start + len(text), end + len(text)) for start, end in rest)]

    return cut


def unknown_words_of(encoded: EncodedText) -> UnknownWords:
    """Return how many words the text has, and how many of them are unknown: the vocabulary lacks a part of them."""
    words = np.where(encoded.special, -1, encoded.words)
    unknown = len(set(words[encoded.unknown & (words >= 0)].tolist()))
    return UnknownWords(unknown, len(set(words[words >= 0].tolist())))


def pads_embeddings(count: int, size: int) -> bool:
    """Return whether the entries that a model has beyond its tokenizer's pad its matrix of embeddings.

    count: the model's; size: the tokenizer's. A matrix is padded to a multiple of 8, 16, 32, 64 or 128 (transformers'
    resize_token_embeddings, pad_to_multiple_of; Megatron's make-vocab-size-divisible-by) by less than that multiple.
    Of a multiple of 128, up to a hundredth may be spare: padding for several devices, and reserved entries, as in Qwen
    (151,936 entries, 151,665 tokens), gpt-oss, BLOOM and Command R. Others are tokens that were added.
    """
    spare, multiple = count - size, min(count & -count, 128)
    return (multiple >= 8 and spare < multiple) or (multiple == 128 and 100 * spare <= count)


@dataclass(frozen=True, eq=False)
class ModelBase:
    """The files and the network of an open model, and the reference that led to it; what it reads and what it is."""

    checkpoint: Checkpoint
    network: Network
    reference: str

    @property
    def name(self) -> str:
        """Return its short name, which captions use."""
        return self.checkpoint.name

    @property
    def shape(self) -> ModelShape:
        """Return its size."""
        return self.network.shape

    def __repr__(self) -> str:
        """Show name and size, never the weights."""
        return f"<Model {self.name}: {self.shape.family}, {self.shape.layers} layers x {self.shape.heads} heads>"

    @cached_property
    def tokenizer(self) -> TextTokenizer:
        """Return what cuts a text into this model's tokens; raises InputError where memory would not suffice.

        A model of pictures has none: InputError.
        """
        if self.network.reads_pictures:
            raise InputError(
                "{name} ({family}) reads pictures, not texts.",
                hint="attnviz run --image PICTURE --model {reference} shows a picture's attention.",
                name=self.name,
                family=written_name(self.shape.family),
                reference=self.reference,
            )
        self._need_memory()
        with suppress(MemoryError), naming_file(self.checkpoint.path):
            return self.checkpoint.tokenizer
        raise out_of_memory_for_model(self.name)

    def _need_memory(self) -> None:
        """Raise InputError where a limit on memory is too low to compute: the libraries used end the process there."""
        left, need = memory_left(), _MEMORY + _MEMORY_PER_TOKEN * self.shape.vocabulary
        if left is not None and left < need:
            raise InputError(
                "{name} needs about {need} MB of memory, and this process may take {left} MB more.",
                hint="Raise its limit (ulimit -v), or choose a smaller model.",
                name=self.name,
                need=-(-need // 10**6),
                left=left // 10**6,
            )

    @property
    def notes(self) -> tuple[Message, ...]:
        """Return what a reader should know of the model, whatever the text.

        That is how its files were read, which tensors were not, what its tokenizer is told otherwise elsewhere, and
        which entries of its vocabulary that lacks.
        """
        return (*self._tokenizer_notes, *self._notes())

    @cached_property
    def _tokenizer_notes(self) -> tuple[Message, ...]:
        return () if self.network.reads_pictures else (*self._vocabulary_notes, *self.tokenizer.notes)

    @cached_property
    def _vocabulary_notes(self) -> tuple[Message, ...]:
        """Return a note where the model has entries that its tokenizer lacks, and they are no padding of a matrix."""
        if self.network.reads_pictures:
            return ()
        count, size = self.shape.vocabulary, self.tokenizer.size
        if count <= size or pads_embeddings(count, size):
            return ()
        return (
            message(
                "{name} has {count} entries in its vocabulary and its tokenizer {size}: added tokens may be missing.",
                name=self.name,
                count=count,
                size=size,
            ),
        )

    def _is_to_speak(self, options: Options) -> bool:
        """Return whether the options ask for languages that this model was not opened with."""
        wanted = (options.source_language, options.target_language)
        own = self.checkpoint.languages
        return wanted != (None, None) and wanted != (None if own is None else (own.source, own.target))

    def _speaking(self, options: Options) -> Self:
        """Return the model with its texts in the languages that the options name.

        Raises OptionError for a language that it does not have.
        """
        from attnviz.models.tokenizers.languages import LanguagePair, check_languages

        languages = LanguagePair(options.source_language, options.target_language)
        if languages not in self._in_languages:
            check_languages(languages, self.checkpoint.path, self.checkpoint.config, self.name)
            self._in_languages[languages] = replace(self, checkpoint=replace(self.checkpoint, languages=languages))
        return self._in_languages[languages]

    @cached_property
    def _in_languages(self) -> dict[LanguagePair, Self]:
        return {}

    def _template_notes(self) -> tuple[Message, ...]:
        """Return a note where the model has a chat template, which is applied to no text without being asked for."""
        from attnviz.models.chat import find_templates

        if not find_templates(self.checkpoint):
            return ()
        return (
            message(
                "{name} has a chat template, which is not applied: --chat renders the text as a conversation.",
                name=self.name,
            ),
        )

    @check_arguments()
    def notes_on_text(self, encoded: EncodedText) -> tuple[Message, ...]:
        """Return notes on letters that no token stands for, and on special tokens that a text names.

        The latter where the model has a chat template, which is not applied.
        """
        left_out = left_out_notes(encoded.left_out)
        named = self._names_special(encoded)
        if not named or not self._template_notes():
            return left_out
        return (
            *left_out,
            message(
                "The text names special tokens of {name}: {tokens}. They are read as such; the model’s chat template "
                "is not applied.",
                name=self.name,
                tokens=listed([*named[:3], *(["…"] if len(named) > 3 else [])]),
            ),
        )

    def _names_special(self, encoded: EncodedText) -> list[str]:
        """Return the special tokens that stand in the text itself, each once; not the one for unknown words."""
        inside, first = np.unique(encoded.ids[~encoded.special & ~encoded.unknown], return_index=True)
        numbers = inside[np.argsort(first)].tolist()
        return [self.tokenizer.decode(number) for number in numbers if self.tokenizer.is_special(number)]

    @check_arguments(tokens=WHOLE)
    def without_heads(self, options: Options, tokens: int | None = None) -> AbstractContextManager[None]:
        """Return a context in which passes run without the heads that the options switch off; for one text.

        It holds for the stack whose attention is shown: of an encoder-decoder either the encoder or the decoder.
        tokens: how many of the first tokens a mean is taken over, None for all.
        Raises OptionError and MissingError for heads that there are not.
        """
        off = self._heads_off(options, tokens)
        return nullcontext() if off is None else hooked_too(off)

    def _heads_off(self, options: Options, tokens: int | None = None) -> HeadsOff | None:
        """Return what switches heads off as `without_heads` says; None where the options switch off none."""
        off = self._switched_off(options)
        if off is None:
            return None
        from attnviz.models.heads_off import HeadsOff

        cross = reads_target(options, self.shape) and options.attention != "decoder"
        return HeadsOff(off.heads, off.way, cross=cross, tokens=tokens)

    def _switched_off(self, options: Options) -> HeadsSwitchedOff | None:
        """Return the heads that the options switch off; raises MissingError for one that there is not."""
        if not options.ablate:
            return None
        from attnviz.models.heads_off import find_heads

        shape = self.shape.of_decoder if reads_target(options, self.shape) else self.shape
        return HeadsSwitchedOff(
            find_heads(options.ablate, shape.layers, shape.heads, shape.attention_layers), options.ablation
        )

    @check_arguments()
    def encode(self, text: str, pair: str | None = None) -> EncodedText:
        """Return the tokens of a text, or of two segments, as the model's only stack or its encoder reads them.

        Raises InputError and OptionError as `attend` does.
        """
        kind = "encoder" if self.shape.encoder_decoder else "auto"
        check_fit(Options(pair=pair, attention=kind), None, self.shape, self.name)
        return self._encode(text, pair, Request(layers=(0,)))

    def origin(self) -> ModelOrigin:
        """Return which model it is, for the provenance of what is computed with it."""
        return self._origin()

    def _encode_alone(self, text: str) -> EncodedText:
        return self._encode(text, None, NOTHING_KEPT)

    @check_arguments()
    def provenance(self, options: Options | None = None, *, answers: bool = False) -> Provenance:
        """Return what its attention says of where it comes from; options: which heads they switch off.

        answers: of an encoder-decoder the attention to the text that it answers, in place of the encoder's own.
        """
        off = None if options is None else self._switched_off(options)
        origin = replace(self._origin(), switched_off=off)
        if answers and self.shape.encoder_decoder:
            layers, heads = self.shape.decoder_layers or 0, self.shape.decoder_heads or 0
            origin = replace(origin, layers=layers, heads=heads, mask="none", attention="cross")
        return Provenance(origin)

    def _encode(self, text: str, pair: str | None, request: Request, *, slides: bool = False) -> EncodedText:
        """Return the tokens of a text, or of two; raises InputError where there are too many."""
        limits = self._limits(request, slides)
        for each in (text, pair):
            if isinstance(each, str):
                limits.check_beginning(each, self.tokenizer.count)
        encoded = self._checked(self.tokenizer.encode(text, pair))
        limits.check(len(encoded.ids))
        return encoded

    def _limits(self, request: Request, slides: bool = False) -> TextLimits:
        return TextLimits(self.name, self.shape, self._count_kept(request), slides)

    def _count_kept(self, request: Request) -> int:
        """Return how many layers' weights a request keeps."""
        return len(self.shape.attention_layers if request.layers is None else request.layers)

    def _encode_chat(self, text: str, name: str | None) -> tuple[EncodedText, str, tuple[Message, ...]]:
        """Return the tokens of a rendered conversation, its messages' contents, and notes on both."""
        from attnviz.models.chat import render_conversation, template_note

        conversation = render_conversation(self.checkpoint, text, name)
        encoded = conversation.place(self._checked(self.tokenizer.encode(conversation.text, ends=False)))
        return encoded, conversation.source, (template_note(encoded), *left_out_notes(encoded.left_out))

    def _checked(self, encoded: EncodedText) -> EncodedText:
        """Return the tokens; raises InputError for an id that the model does not have."""
        last = int(encoded.ids.max())
        if last >= self.shape.vocabulary:
            raise InputError(
                "The tokenizer of {name} gives the id {id}, and the model's vocabulary has {count} entries.",
                name=self.name,
                id=last,
                count=self.shape.vocabulary,
            )
        return encoded

    @check_arguments()
    def tokens(
        self, text: str, options: Options | None = None, *, known: KnownWords | None = None, **changes: Any
    ) -> TokenizedText:
        """Return how the model cuts a text, or a pair: what `attend` shows, without computing it.

        options, changes, known: as in `attend`; what Options says of the computation is not read.
        Raises InputError and OptionError as `attend` does.
        """
        from attnviz.core.tokenized_text import TokenizedText

        chosen = change_options(options or Options(), changes)
        check_options(chosen)
        if self._is_to_speak(chosen):
            return self._speaking(chosen).tokens(text, chosen, known=known)
        check_fit(replace(chosen, attention="auto"), None, self.shape, self.name)
        if chosen.chat:
            encoded, source, about = self._encode_chat(text, chosen.chat_template)
            notes = (*self._tokenizer_notes, *about)
        else:
            encoded = self._checked(self.tokenizer.encode(text, chosen.pair))
            source = text if chosen.pair is None else f"{text}\n{chosen.pair}"
            about = (*left_out_notes(encoded.left_out), *self._template_notes())
            notes = (*self._tokenizer_notes, *about)
        groups, tokens = join_tokens(
            encoded.tokens, source, chosen.joins, word_cut(source if chosen.chat else text, chosen, known)
        )
        found = TokenizedText(
            source,
            tokens,
            tuple(encoded.tokens[start:end] for start, end in groups),
            tuple(bool(encoded.special[start:end].all()) for start, end in groups),
            model=self.name,
            reference=self.reference,
            joined=chosen.joins,
            unknown=self.tokenizer.unknown,
            notes=notes,
        )
        return found.without_special() if chosen.no_special else found

    def _forward(self, ids: NDArray[np.int64], segments: NDArray[np.int64], request: Request) -> ForwardOutput:
        """Run the only stack, or the encoder, on token ids [n] and segment numbers [n].

        Raises InputError where memory does not suffice: for the model itself, or for so many tokens.
        """
        with suppress(MemoryError), naming_file(self.checkpoint.path):
            given = segments if segments.any() and self.network.has_segments else None
            return self.network.read(ids, request, given)
        count, shape, kept = len(ids), self.shape, self._count_kept(request)
        # What the text takes: the kept weights, the three matrices of a layer's softmax, and a dozen hidden states.
        if 4 * ((kept + 3) * shape.heads * count**2 + 12 * shape.dim * count) < _MEMORY:
            raise out_of_memory_for_model(self.name)
        raise out_of_memory_for_tokens(self.name, count, kept, shape.heads)

    def _attention_of_target(
        self,
        tokens: tuple[Token, ...],
        source: str,
        output: ForwardOutput,
        request: Request,
        notes: tuple[Message, ...],
        keys: tuple[tuple[Token, ...], str] | None,
        **changes: Any,
    ) -> Attention:
        """Return a decoder's output with its tokens; keys: those of the other text, None for self-attention."""
        return self._attention(
            tokens,
            source,
            output,
            request,
            notes,
            keys,
            layers=self.shape.decoder_layers,
            heads=self.shape.decoder_heads,
            mask="causal" if keys is None else "none",
            attention="decoder" if keys is None else "cross",
            **changes,
        )

    def _attention(
        self,
        tokens: tuple[Token, ...],
        source: str,
        output: ForwardOutput,
        request: Request,
        notes: tuple[Message, ...] = (),
        keys: tuple[tuple[Token, ...], str] | None = None,
        **changes: Any,
    ) -> Attention:
        """Return a pass's output with its tokens, reduced to one map a layer where the request asks for it.

        keys: the other text's tokens and that text, in cross-attention. changes: fields of the ModelOrigin.
        """
        key, key_source = (tokens, None) if keys is None else keys
        if output.weights.shape[-1] > len(key):
            key = (*key, SINK)
        found = Attention(
            query=tokens,
            key=key,
            weights=output.weights,
            allowed=output.allowed,
            layers=output.layers,
            source=source,
            key_source=key_source,
            output=output.traces[-1].output if output.traces else None,
            traces=output.traces,
            provenance=Provenance(replace(self._origin(), **changes)),
            notes=(*notes, *self.notes),
            contributions=output.contributions,
        )
        if request.reduce is None:
            return found
        from attnviz.core.reductions import reduce_attention

        shown = None if request.map_layers is None else tuple(request.map_layers)
        return reduce_attention(found, request.reduce, output.maps, shown)

    def _notes(self) -> tuple[Message, ...]:
        """Return what a reader should know of the checkpoint: how it was read, and which of its tensors were not."""
        known, unused = (*self.checkpoint.notes, *self.network.notes), self.network.unused_tensors()
        if not unused:
            return known
        note = unused_note(unused, written_name(self.shape.family))
        return (*known, note)

    def _origin(self) -> ModelOrigin:
        """Return which model it is, and its size; an encoder-decoder's as its encoder's attention has it."""
        shape = self.shape
        return ModelOrigin(
            name=self.name,
            reference=self.reference,
            family=shape.family,
            layers=shape.layers,
            heads=shape.heads,
            dim=shape.dim,
            mask="causal" if shape.causal else "none",
            unknown=None if self.network.reads_pictures else self.tokenizer.unknown,
            attention="encoder" if shape.encoder_decoder else None,
        )
