"""What run and export share: compute every attention first, then show and save, so that a bad text leaves nothing."""

from __future__ import annotations

import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path

from attnviz.api.run import load_weights
from attnviz.api.run import run as run_pipeline
from attnviz.api.save import FOR_ATTENTION, PAGE, check_destination, numbered, prepare_picture, save_attention
from attnviz.cli.idle_options import Made
from attnviz.cli.options import Dressing, Input, Looking, LookingAtTwo
from attnviz.cli.printing import is_unicode, print_data, print_notes, print_sentence, print_views
from attnviz.cli.progress import Progress, reading
from attnviz.cli.sources import Source, as_typed, check_one, read_sources
from attnviz.core.attention_data import Attention
from attnviz.core.errors import OptionError, unknown_choice
from attnviz.text.find_token import find_token
from attnviz.toy.settings import MOST_SUMMED_UP, MOST_TOKENS, Settings
from attnviz.toy.words import read_ahead
from attnviz.views.figure.style import Style
from attnviz.views.prepared.attention import SHOWS, check_show
from attnviz.views.prepared.heads import choose_heads
from attnviz.views.prepared.model_words import unknown_words
from attnviz.views.prepared.refine import Refining
from attnviz.views.terminal.choose_view import Choice, check_choice, view_attention

WORD_DIGITS, MATRIX_DIGITS, REDONE_DIGITS = 3, 7, 4


def attend_all(
    texts: list[str],
    given: Input,
    settings: Settings,
    looking: Looking,
    files: list[Path],
    style: Style | None = None,
    *,
    data: bool = False,
) -> list[Attention]:
    """The attention of every text, once all that was asked for is known to be possible; its notes are printed.

    data: every weight is printed.
    """
    found = _computed(texts, given, settings, looking, files, style, data=data)
    print_notes({str(note): note for attention in found for note in attention.notes}.values())
    return found


def _computed(
    texts: list[str],
    given: Input,
    settings: Settings,
    looking: Looking,
    files: list[Path],
    style: Style | None = None,
    *,
    data: bool = False,
) -> list[Attention]:
    digits_for(looking)
    for name in looking.show:
        if name not in SHOWS:
            raise unknown_choice("--show", name, SHOWS)
    check_choice(choice_of(looking), looking.show)
    for path in files:
        check_destination(path, FOR_ATTENTION)
    sources = read_sources(texts, given)
    with reading() as told:
        if len(sources) > 1:
            read_ahead([text for source in sources for text in (source.text, source.keys)], [settings], told)
        layers = layers_for(looking.layer, everything=_shows_everything(files, style))
        summed_up = looking.view in ("top", "blocks", "text") and not files and not data
        attend = partial(
            _attend,
            given=given,
            settings=settings,
            layers=layers,
            told=told,
            most=MOST_SUMMED_UP if summed_up else MOST_TOKENS,
        )
        found = [one for source in sources for one in attend(source)]
    for attention in found:
        choose_heads(attention, looking.head, looking.layer)
        if looking.token is not None:
            find_token(attention.query, looking.token)
        for name in looking.show:
            check_show(attention, name)
    return found


def attend_one(texts: list[str], given: Input, settings: Settings, looking: Looking) -> Attention:
    """The attention of the one text there must be; its notes are left to the command."""
    check_one(texts)
    found = _computed(texts, given, settings, looking, [])
    if len(found) != 1:
        raise OptionError("One text was expected, not {count}.", count=len(found))
    return found[0]


def check_picture(style: Style, refining: Refining, *, alt: bool = False, as_json: bool = False) -> None:
    """Raise OptionError for a style that cannot be."""
    style.check()
    if style.kind == "bars" and refining.scale == "log":
        raise OptionError(
            "A bar is as long as its number: --kind bars has no --scale log.",
            hint="Use --kind heatmap, or --scale row.",
        )
    if alt and as_json:
        raise OptionError("--alt prints a sentence, and --json one JSON document and nothing else.", hint="Give one.")


def dressed(dressing: Dressing, files: list[Path]) -> Style:
    """The style of a picture that has only one kind, checked."""
    style = Style(**asdict(dressing))
    style.check()
    Made(files).refuse_idle(style)
    return style


def _shows_everything(files: list[Path], style: Style | None) -> bool:
    """Whether a file shows every layer where none is named: a page does, and a grid."""
    return any(path.suffix.lower() == PAGE for path in files) or (style is not None and style.kind == "grid")


def layers_for(layer: str | None, *, everything: bool = False) -> list[int] | None:
    """The layers that a model must compute for --layer; None for all. Where none is named: everything, or the last."""
    if layer == "all" or (layer is None and everything):
        return None
    if layer is None:
        return [-1]
    if not layer.isdecimal():
        raise OptionError("--layer takes a number from 0, or all, not {layer!r}.", layer=layer)
    return [int(layer)]


def one_layer(layer: str | None) -> int | None:
    """The layer that a comparison looks at; OptionError for anything but a number."""
    if layer is None:
        return None
    if not layer.isdecimal():
        raise OptionError("compare looks at one layer: --layer takes a number, not {layer!r}.", layer=layer)
    return int(layer)


def _attend(
    source: Source, given: Input, settings: Settings, layers: list[int] | None, told: Progress, most: int
) -> tuple[Attention, ...]:
    if source.weights is not None:
        refuse_computing(settings)
        labels = [as_typed(text) for text in given.labels]
        return load_weights(source.weights, labels=labels, normalize=given.normalize, most=most)
    if source.vectors is not None:
        names = as_typed(given.labels[0]) if given.labels else None
        return (run_pipeline(settings=settings, vectors=source.vectors, labels=names, keys=source.keys, most=most),)
    return (run_pipeline(source.text, settings, keys=source.keys, layers=layers, progress=told, most=most),)


def refuse_computing(settings: Settings) -> None:
    """Weights that were given are not computed, so no option can say how."""
    for name, value in asdict(settings).items():
        if value != getattr(Settings(), name):
            raise OptionError(
                "--{option} says how to compute weights; those of --weights are already computed.",
                hint="Leave it out.",
                option=name.replace("_", "-"),
            )


def digits_for(looking: Looking, attention: Attention | None = None) -> int:
    """Decimal places: as asked, else 7 for a matrix of numbers (someone checks arithmetic), 3 for up to 100 words.

    Of more words each gets so little that it takes more places to see it.
    """
    if looking.precision is not None:
        if not 1 <= looking.precision <= 9:
            raise OptionError("--precision must be from 1 to 9, not {value}.", value=looking.precision)
        return looking.precision
    if attention is None:
        return WORD_DIGITS
    if attention.settings.get("embedding") == "vectors":
        return MATRIX_DIGITS
    return max(WORD_DIGITS, len(str(len(attention.key) - 1)) + 1)


def digits_to_redo(looking: Looking, attention: Attention) -> int:
    """One more than a table has, so that the table's digits come out when a reader redoes them."""
    return max(digits_for(looking, attention), REDONE_DIGITS) if looking.precision is None else looking.precision


def save_all(
    found: list[Attention], files: list[Path], looking: Looking, style: Style | None = None, *, json: bool = False
) -> None:
    """Write every file for every attention; say once what is lacking, and what the JSON that is to come cannot say."""
    notes = {str(note): note for attention in found for note in unknown_words(attention.settings)} if json else {}
    for path in files:
        for index, attention in enumerate(found):
            place = numbered(path, index, len(found))
            digits = digits_for(looking, attention)
            told = save_attention(
                attention,
                place,
                head=looking.head,
                layer=looking.layer,
                digits=digits,
                style=style,
                refining=refining_of(looking),
            )
            notes |= {str(note): note for note in told}
    print_notes(notes.values())


def describe_all(found: list[Attention], looking: Looking, style: Style) -> None:
    """Print the sentence that describes the picture of every attention."""
    from attnviz.views.prepared.alt_text import describe_picture

    for attention in found:
        digits = digits_for(looking, attention)
        refining = refining_of(looking)
        prepared = prepare_picture(attention, looking.head, looking.layer, digits, style, refining)
        print_sentence(describe_picture(prepared, style))


def choice_of(looking: Looking | LookingAtTwo) -> Choice:
    """How the options ask to look."""
    return Choice(
        view=looking.view,
        squeeze=looking.squeeze,
        top=looking.top,
        refining=refining_of(looking),
        token=getattr(looking, "token", None),
        all_heads="all" in (looking.head, looking.layer),
    )


def refining_of(looking: Looking | LookingAtTwo) -> Refining:
    """What the options ask for of the numbers, wherever they are drawn."""
    return Refining(looking.scale, getattr(looking, "sinks", "keep"))


def show_all(found: list[Attention], looking: Looking) -> None:
    """Print what --show names for every attention."""
    choice = choice_of(looking)
    for attention in found:
        shown = choose_heads(attention, looking.head, looking.layer)
        for name in looking.show or ["weights"]:
            of = (
                choose_heads(attention, "all", looking.layer)
                if name in ("scores", "qkv") and not shown.traces
                else shown
            )
            digits = digits_for(looking, attention)
            print_views(partial(view_attention, of, name, choice, digits=digits))


def print_json(documents: list[dict[str, object]]) -> None:
    """One document; an array of them for several texts."""
    from attnviz.io.write_data import to_json

    print_data(to_json(documents if len(documents) > 1 else documents[0], ascii_only=not is_unicode(sys.stdout)))
