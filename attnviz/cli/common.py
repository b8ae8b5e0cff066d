"""Steps that commands share: compute every attention first, then print and save, so that a bad text leaves no files."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attnviz.api.look import Look
from attnviz.api.run import load_weights, run
from attnviz.api.save import FOR_ATTENTION, PAGE, prepare_picture, save_attention
from attnviz.api.toy_or_model import Joining, choose_one, joining_of
from attnviz.api.write import check_destination, numbered
from attnviz.cli.options import AttentionInput, ComparisonViewOptions, PictureOptions, ViewOptions
from attnviz.cli.printing import is_unicode, print_data, print_notes, print_sentence, print_views
from attnviz.cli.progress import doing, reading, resume
from attnviz.cli.sources import Source, check_one, decode_argument, quoted, read_labels, read_sources
from attnviz.cli.unused_options import Outputs
from attnviz.cli.weights_files import Reading, reading_of, refuse_computing
from attnviz.core.attention_data import Attention
from attnviz.core.errors import OptionError, unknown_choice
from attnviz.core.result import Result
from attnviz.i18n.messages import Message, message
from attnviz.models.options import Options, check_one_map
from attnviz.text.find_token import find_token
from attnviz.toy.settings import MOST_SUMMED_UP, MOST_TOKENS, Settings
from attnviz.views.prepared.attention import SHOWS, check_show
from attnviz.views.prepared.heads import choose_heads
from attnviz.views.prepared.model_words import unknown_words
from attnviz.views.prepared.presentation import DIGITS, Presentation, check_digits, redone_digits, usual_digits
from attnviz.views.prepared.refine import Refining
from attnviz.views.prepared.style import AUTO, Style
from attnviz.views.terminal.choice import Choice
from attnviz.views.terminal.choose_view import check_choice, view_attention

if TYPE_CHECKING:
    from attnviz.toy.word_vectors import Progress
    from attnviz.toy.words import WordFiles


def attend_all(
    texts: list[str],
    inputs: AttentionInput,
    settings: Settings,
    model_options: Options,
    view_options: ViewOptions,
    files: list[Path],
    style: Style | None = None,
    *,
    data: bool = False,
) -> list[Attention]:
    """Compute the attention of every text, once all options are known to be valid; print its notes.

    data: every weight is printed.
    """
    found = _computed(texts, inputs, settings, model_options, view_options, files, style, data=data)
    print_notes({str(note): note for attention in found for note in attention.notes}.values())
    print_notes(_forgotten_quotes(texts, found))
    return found


def _forgotten_quotes(texts: list[str], found: list[Attention]) -> list[Message]:
    """Return a hint where several texts of one word each look like one text without its quotes."""
    words = [decode_argument(text) for text in texts]
    if len(words) < 2 or any(len(one.query) > 1 for one in found) or any(word == "-" for word in words):
        return []
    if len(words) == 2 and not all(word.isascii() for word in words):
        return []
    text = ("" if all(word[-1:] > "\u2e80" for word in words) else " ").join(words)
    return [
        message(
            "Each of the {count} texts is one word. One text with all of them goes in quotes: {example}",
            count=len(words),
            example=f"attnviz run {quoted(text)}",
        )
    ]


def _computed(
    texts: list[str],
    inputs: AttentionInput,
    settings: Settings,
    model_options: Options,
    view_options: ViewOptions,
    files: list[Path],
    style: Style | None = None,
    *,
    data: bool = False,
) -> list[Attention]:
    digits_for(view_options)
    check_reduce(view_options.reduce, view_options.head)
    for name in view_options.show:
        if name not in SHOWS:
            raise unknown_choice("--show", name, SHOWS)
    check_choice(view_choice(view_options), view_options.show)
    for path in files:
        check_destination(path, FOR_ATTENTION)
    sources = read_sources(texts, inputs, model_options.parts)
    model_options = with_passages(model_options, inputs.encoding)
    if inputs.weights is not None:
        refuse_computing(settings, model_options)
    reduce = view_options.reduce
    reading_options = reading_of(model_options, normalize=inputs.normalize, partial=inputs.partial, reduce=reduce)
    chosen = settings if inputs.weights is not None else choose_one(settings, model_options, joins=True)
    joining = joining_of(model_options, {})
    texts_read = [text for source in sources for text in (source.text, source.keys)]
    if inputs.image is not None and not isinstance(chosen, Options):
        raise OptionError("{option} goes with --model.", option="--image")
    with reading() as progress:
        word_files = None if isinstance(chosen, Options) else _open_word_files(texts_read, chosen, progress)
        told = model_options.parts is not None and reduce is None
        layers = layers_for(
            None if told and view_options.layer == "mean" else view_options.layer,
            everything=told or _shows_everything(files, style),
        )
        summed_up = view_options.view in ("top", "blocks", "text") and not files and not data
        attend = partial(
            _attend,
            inputs=inputs,
            chosen=chosen,
            reading_options=reading_options,
            reduce=reduce,
            layers=layers,
            word_files=word_files,
            most=MOST_SUMMED_UP if summed_up else MOST_TOKENS,
            contributions=not data and _shows_several_heads(view_options, files, style),
            joining=joining,
        )
        found = [one for source in sources for one in attend(source)]
    if any(one.provenance.picture is not None for one in found):
        from attnviz.i18n.patch_sentences import speak_of_patches

        speak_of_patches()
    for attention in found:
        choose_heads(attention, view_options.head, view_options.layer)
        if view_options.token is not None:
            find_token(attention.query, view_options.token)
        for name in view_options.show:
            check_show(attention, name)
    return found


def with_passages(options: Options, encoding: str | None) -> Options:
    """Return the options with the passages of the file of --parts."""
    if options.parts is None:
        return options
    from attnviz.text.passages import open_passages

    return replace(options, parts=open_passages(options.parts, encoding))


def check_reduce(reduce: str | None, head: str | None) -> None:
    """Raise OptionError for a reduction that there is not, and for heads beside one, which has none."""
    if reduce is None:
        return
    from attnviz.core.provenance import EVERY
    from attnviz.core.reductions import check_reduction

    check_reduction(reduce)
    if head is not None and (reduce != EVERY or head == "mean"):
        raise OptionError("--reduce makes one map of the heads: leave --head out.")


def attend_one(
    texts: list[str], inputs: AttentionInput, settings: Settings, model_options: Options, view_options: ViewOptions
) -> Attention:
    """Compute the attention of exactly one text; its notes are left to the command."""
    check_one(texts)
    found = _computed(texts, inputs, settings, model_options, view_options, [])
    if len(found) != 1:
        raise OptionError("One text was expected, not {count}.", count=len(found))
    return found[0]


def check_picture(style: Style, refining: Refining, *, alt: bool = False, as_json: bool = False) -> None:
    """Raise OptionError for an invalid style."""
    style.check()
    if style.kind == "bars" and refining.scale == "log":
        raise OptionError(
            "A bar is as long as its number: --kind bars has no --scale log.",
            hint="Use --kind heatmap, or --scale row.",
        )
    if alt and as_json:
        raise OptionError("--alt prints a sentence, and --json one JSON document and nothing else.", hint="Give one.")


def picture_style(picture_options: PictureOptions, files: list[Path], suffixes: tuple[str, ...]) -> Style:
    """Return the checked style of a picture or map that has only one kind; suffixes: those that may be saved."""
    for path in files:
        check_destination(path, suffixes)
    style = Style(**asdict(picture_options))
    style.check()
    Outputs(files).refuse_unused(style)
    return style


def _shows_everything(files: list[Path], style: Style | None) -> bool:
    """Return whether a file shows every layer where none is named, as pages and grids do."""
    return any(path.suffix.lower() == PAGE for path in files) or (style is not None and style.kind == "grid")


def _shows_several_heads(view_options: ViewOptions, files: list[Path], style: Style | None) -> bool:
    """Return whether small maps of several heads may be shown, which are named by what the heads contribute."""
    drawn_small = view_options.head is None and view_options.view == "blocks"
    several = drawn_small or _several(view_options.head) or _several(view_options.layer)
    return several or _shows_everything(files, style)


def layers_for(layer: str | None, *, everything: bool = False) -> str | list[int] | None:
    """Return the layers that a model computes for --layer, None for all, "mean" for their mean.

    everything: whether all layers are meant where none is named, else the last.
    """
    if layer is None:
        return None if everything else [-1]
    from attnviz.core.selection import layer_numbers

    return layer if layer == "mean" else layer_numbers(layer)


def _open_word_files(texts: list[str | None], settings: Settings, progress: Progress) -> WordFiles:
    from attnviz.toy.words import open_word_files

    return open_word_files(texts, [settings], progress)


def _attend(
    source: Source,
    inputs: AttentionInput,
    chosen: Settings | Options,
    reading_options: Reading,
    reduce: str | None,
    layers: str | list[int] | None,
    word_files: WordFiles | None,
    most: int,
    contributions: bool,
    joining: Joining,
) -> tuple[Attention, ...]:
    if source.weights is not None:
        labels = [read_labels(text, inputs.encoding) for text in inputs.labels]
        return load_weights(source.weights, labels=labels, most=most, **reading_options)
    if source.vectors is not None:
        named: dict[str, Any] = {"labels": source.labels, "keys": source.keys, "reduce": reduce}
        return (joining.apply(run(settings=chosen, vectors=source.vectors, most=most, **named)),)
    if isinstance(chosen, Settings) and reduce is not None:
        one = run(source.text, chosen, keys=source.keys, reduce=reduce, most=most)
        check_one_map(reduce, joining.parts)
        return (joining.apply(one),)
    if word_files is not None and isinstance(chosen, Settings):
        from attnviz.toy.attend import attend_to
        from attnviz.toy.words import read_words

        words = read_words(source.text, chosen, keys=source.keys, word_files=word_files, most=most)
        return (joining.apply(attend_to(*words)),)
    keys = source.keys
    more: dict[str, Any] = {"layers": layers, "reduce": reduce, "contributions": contributions and reduce is None}
    if source.image is not None:
        return (run(settings=chosen, image=source.image, most=most, **more),)
    return (run(source.text, chosen, keys=keys, most=most, **more),)


def digits_for(view_options: ViewOptions, attention: Attention | None = None) -> int:
    """Return the decimal places: --precision, else what such weights usually have, see `usual_digits`."""
    if view_options.precision is not None:
        return check_digits(view_options.precision)
    return DIGITS if attention is None else usual_digits(attention.provenance, len(attention.key))


def explain_digits(view_options: ViewOptions, attention: Attention) -> int:
    """Return the decimal places of `explain`: --precision, else those of a row redone by hand."""
    if view_options.precision is not None:
        return check_digits(view_options.precision)
    return redone_digits(attention.provenance, len(attention.key))


def save_all(
    found: list[Attention],
    files: list[Path],
    view_options: ViewOptions,
    style: Style | None = None,
    *,
    json: bool = False,
) -> None:
    """Write every file for every attention; print each note once, also those that JSON output cannot carry."""
    notes = {str(note): note for attention in found for note in unknown_words(attention.provenance)} if json else {}
    for path in files:
        for index, attention in enumerate(found):
            place = numbered(path, index, len(found))
            with doing(message("Writing {path}", path=place)):
                told = save_attention(
                    attention,
                    place,
                    head=view_options.head,
                    layer=view_options.layer,
                    presentation=_of_picture(view_options, attention, style or Style()),
                    refining=refining_of(view_options),
                )
            notes |= {str(note): note for note in told}
    print_notes(notes.values())


def save_files(result: Result, paths: Iterable[Path], look: Look) -> None:
    """Save a result as each file's suffix says, with progress; print the notes."""
    from attnviz.api.result_kinds import save_by_suffix

    for path in paths:
        resume()
        with doing(message("Writing {path}", path=path)):
            print_notes(save_by_suffix(result, path, look))


def _of_picture(view_options: ViewOptions, attention: Attention, style: Style) -> Presentation:
    """Return the presentation of a picture; its cells have as many digits as --precision asks for."""
    digits = digits_for(view_options, attention)
    if style.kind == AUTO and view_options.token is not None and attention.provenance.picture is not None:
        style = replace(style, token=view_options.token)
    return Presentation(digits, "picture", style, view_options.precision is not None)


def print_descriptions(found: list[Attention], view_options: ViewOptions, style: Style) -> None:
    """Print the sentence that describes the picture of every attention."""
    from attnviz.views.prepared.alt_text import describe_picture

    for attention in found:
        presentation = _of_picture(view_options, attention, style)
        refining = refining_of(view_options)
        prepared = prepare_picture(attention, view_options.head, view_options.layer, presentation, refining)
        print_sentence(describe_picture(prepared, style))


def view_choice(view_options: ViewOptions | ComparisonViewOptions) -> Choice:
    """Return the view that the options ask for."""
    return Choice(
        view=view_options.view,
        squeeze=view_options.squeeze,
        top=view_options.top,
        refining=refining_of(view_options),
        token=getattr(view_options, "token", None),
        brief=not getattr(view_options, "verbose", True),
        all_heads=_several(view_options.head) or _several(view_options.layer),
    )


def _several(wanted: str | None) -> bool:
    """Return whether --head or --layer names several."""
    if wanted is None or wanted.isdecimal():
        return False
    from attnviz.core.selection import names_several

    return names_several(wanted)


def refining_of(view_options: ViewOptions | ComparisonViewOptions) -> Refining:
    """Return how the options ask to treat the numbers, wherever they are drawn."""
    return Refining(view_options.scale, getattr(view_options, "sinks", "keep"))


def print_all(found: list[Attention], view_options: ViewOptions) -> None:
    """Print what --show names for every attention."""
    choice = view_choice(view_options)
    for attention in found:
        for name in view_options.show or ["weights"]:
            special = name != "weights" or view_options.sinks != "keep" or view_options.token is not None
            shown = choose_heads(attention, view_options.head, view_options.layer, special=special)
            of = (
                choose_heads(attention, "all", view_options.layer)
                if name in ("scores", "qkv") and not shown.traces
                else shown
            )
            digits = digits_for(view_options, attention)
            print_views(partial(view_attention, of, name, choice, digits=digits))


def print_json(documents: list[dict[str, object]]) -> None:
    """Print one document; an array of them for several texts."""
    from attnviz.io.write_data import to_json

    with doing(message("Writing JSON")):
        text = to_json(documents if len(documents) > 1 else documents[0], ascii_only=not is_unicode(sys.stdout))
    print_data(text)
