"""`attnviz compare`: the same words in another order."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from attnviz.analysis.comparison import Comparison
from attnviz.api.compare import compare_layers, open_for
from attnviz.api.save import FOR_COMPARISON, check_destination, numbered, prepare_comparing, save_comparison
from attnviz.api.toy_or_model import choose_one
from attnviz.cli.common import check_picture, check_reduce, digits_for, print_json, view_choice
from attnviz.cli.options import AltOption, ComparisonViewOptions, OutputOptions, ViewOptions
from attnviz.cli.printing import print_notes, print_sentence, print_views
from attnviz.cli.progress import reading
from attnviz.cli.sources import check_encoded, check_names, keys_are_given, read_labels, read_text
from attnviz.cli.unused_options import Outputs
from attnviz.cli.weights_files import compare_files, reading_of, refuse_computing
from attnviz.core.errors import OptionError
from attnviz.core.selection import layer_numbers, names_several
from attnviz.i18n.messages import phrase
from attnviz.models.options import Options
from attnviz.toy.settings import Settings
from attnviz.views.prepared.comparison import prepare_comparison
from attnviz.views.prepared.presentation import Presentation
from attnviz.views.prepared.style import Style
from attnviz.views.terminal.choose_view import check_comparing, view_comparison

Texts = Annotated[
    list[str] | None,
    typer.Argument(metavar="A B...", help="Two or more texts; - is standard input.", show_default=False),
]


@dataclass(frozen=True, eq=False, repr=False)
class ComparisonInput:
    """Input options of `compare`: the text of the keys, or weights in place of texts."""

    keys: str | None = None
    weights: list[Path] = field(
        default_factory=list,
        metadata={"help": phrase("Computed weights (.npz, .json, .npy) in place of texts; given once for each file.")},
    )
    labels: list[str] = field(
        default_factory=list,
        metadata={
            "help": phrase(
                "Names for the rows of --weights: a file or a list, given once for all files or once for each."
            )
        },
    )
    encoding: str | None = None
    normalize: bool = False
    partial: bool = False


def command(
    inputs: ComparisonInput,
    settings: Settings,
    model_options: Options,
    view_options: ComparisonViewOptions,
    style: Style,
    alt_option: AltOption,
    output: OutputOptions,
    texts: Texts = None,
) -> None:
    """Compare the same words in another order: what changes, and what does not."""
    digits = digits_for(ViewOptions(precision=view_options.precision))
    check_reduce(view_options.reduce, view_options.head)
    presentation = Presentation(digits, "picture", style, view_options.precision is not None)
    choice = view_choice(view_options)
    check_comparing(choice)
    check_picture(style, choice.refining, alt=alt_option.alt, as_json=output.json)
    view = None if output.json else view_options.view
    Outputs(output.save, alt_option.alt, style.kind, view).refuse_unused(view_options, style)
    for path in output.save:
        check_destination(path, FOR_COMPARISON)
    if inputs.weights:
        found = _compare_weights(texts or [], inputs, settings, model_options, view_options)
        chosen_there = "all" if names_several(view_options.head) else None
        view_options = view_options if view_options.head == "mean" else replace(view_options, head=chosen_there)
    else:
        found = _compare_texts(texts or [], inputs, settings, model_options, view_options)
    forms = [
        form
        for one in found
        for form in prepare_comparison(one, head=view_options.head, presentation=Presentation(digits))
    ]
    print_notes({str(note): note for one in found for note in one.notes}.values())
    for path in output.save:
        for index, one in enumerate(found):
            place = numbered(path, index, len(found))
            print_notes(
                save_comparison(one, place, head=view_options.head, presentation=presentation, refining=choice.refining)
            )
    if output.json:
        from attnviz.io.write_data import comparison_document

        print_json([comparison_document(one, view_options.head) for one in found])
    else:
        print_views(partial(view_comparison, forms, choice))
    if alt_option.alt:
        from attnviz.views.prepared.alt_text import describe_picture

        for one in found:
            print_sentence(
                describe_picture(prepare_comparing(one, view_options.head, presentation, choice.refining), style)
            )


def _compare_weights(
    texts: list[str],
    inputs: ComparisonInput,
    settings: Settings,
    model_options: Options,
    view_options: ComparisonViewOptions,
) -> list[Comparison]:
    """Compare the weights of each further file with those of the first; positional arguments are files too."""
    if inputs.keys is not None:
        raise keys_are_given()
    refuse_computing(settings, model_options)
    paths = [*inputs.weights, *map(Path, texts)]
    check_encoded(inputs.encoding, [], inputs.labels)
    labels = [read_labels(text, inputs.encoding) for text in inputs.labels]
    reading_options = reading_of(
        model_options, normalize=inputs.normalize, partial=inputs.partial, reduce=view_options.reduce
    )
    return compare_files(paths, labels, reading_options, layer=view_options.layer, head=view_options.head)


def _compare_texts(
    texts: list[str],
    inputs: ComparisonInput,
    settings: Settings,
    model_options: Options,
    view_options: ComparisonViewOptions,
) -> list[Comparison]:
    """Compare each further text with the first."""
    if len(texts) < 2:
        raise OptionError(
            "compare takes two texts or more, not {count}.",
            hint='For example: attnviz compare "猫吃鱼" "鱼吃猫".',
            count=len(texts),
        )
    if [*texts, inputs.keys].count("-") > 1:
        raise OptionError("Standard input (-) can be read only once.")
    check_names(inputs.labels, normalize=inputs.normalize, partial=inputs.partial)
    if view_options.layer is not None:
        layer_numbers(view_options.layer)  # before anything is computed
    check_encoded(inputs.encoding, [*texts, inputs.keys], [])
    first, *others = (read_text(text, inputs.encoding) for text in texts)
    keys = None if inputs.keys is None else read_text(inputs.keys, inputs.encoding)
    chosen = choose_one(settings, model_options)
    with reading() as progress:
        word_files = open_for((first, *others, keys), chosen, progress)
        return [
            found
            for other in others
            for found in compare_layers(
                first, other, chosen, view_options.layer, keys=keys, reduce=view_options.reduce, word_files=word_files
            )
        ]
