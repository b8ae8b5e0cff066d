"""`attnviz compare`: the same words in another order, or one text on two sides."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from attnviz.analysis.comparison import Comparison
from attnviz.api.compare import compare_layers, compare_two_sides, open_for
from attnviz.api.save import FOR_RESULT, prepare_comparing, save_comparison
from attnviz.api.toy_or_model import choose_one, joining_of
from attnviz.api.write import check_destination, numbered
from attnviz.cli.common import check_picture, check_reduce, digits_for, print_json, view_choice, with_passages
from attnviz.cli.options import AltOption, ComparisonViewOptions, OutputOptions, ViewOptions
from attnviz.cli.printing import print_notes, print_sentence, print_views
from attnviz.cli.progress import reading
from attnviz.cli.sources import check_encoded, check_names, keys_are_given, read_labels, read_text
from attnviz.cli.unused_options import Outputs
from attnviz.cli.weights_files import compare_file_sides, compare_files, reading_of, refuse_computing
from attnviz.core.errors import OptionError
from attnviz.core.selection import layer_numbers, names_several
from attnviz.i18n.messages import phrase
from attnviz.models.options import Options
from attnviz.toy.settings import Settings
from attnviz.views.prepared.caption import can_be_brief
from attnviz.views.prepared.comparison import prepare_comparison
from attnviz.views.prepared.presentation import Presentation
from attnviz.views.prepared.style import Style
from attnviz.views.terminal.choose_view import check_comparing, view_comparison

Texts = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="A B...",
        help="Two or more texts, or one on two sides (two --model, --layer or --head); - is standard input.",
        show_default=False,
    ),
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


@dataclass(frozen=True, eq=False, repr=False)
class SideOptions:
    """Options of `compare` that may be given twice: once for each of the two sides that are compared."""

    model: list[str] = field(
        default_factory=list,
        metadata={
            "help": phrase(
                "Real model: a folder, a .gguf file, pkg:NAME, or a name on the hub. Given twice: both read one text."
            )
        },
    )
    layer: list[str] = field(
        default_factory=list,
        metadata={
            "help": phrase(
                "Layers, counted from 0: 3, 0,5, 2-4, mean (of all), or all. Given twice: one for each side."
            )
        },
    )
    head: list[str] = field(
        default_factory=list,
        metadata={
            "help": phrase(
                "Heads, counted from 0: 3, 0,5, 2-4, names, mean (of all), or all. Given twice: for each side."
            )
        },
    )

    @property
    def are_two(self) -> bool:
        """Whether two sides are named."""
        return any(len(given) > 1 for given in (self.model, self.layer, self.head))

    def check(self) -> None:
        """Raise OptionError for more than two sides."""
        for option, given in (("--model", self.model), ("--layer", self.layer), ("--head", self.head)):
            if len(given) > 2:
                raise OptionError(
                    "compare has two sides: {option} can be given twice, not {count} times.",
                    hint="Several numbers go into one option, as in --layer 0,2-4.",
                    option=option,
                    count=len(given),
                )

    def of(self, given: list[str]) -> tuple[str | None, str | None]:
        """Return an option's value for each side; one value is for both."""
        return (given[0], given[-1]) if given else (None, None)


def command(
    inputs: ComparisonInput,
    settings: Settings,
    model_options: Options,
    view_options: ComparisonViewOptions,
    sides: SideOptions,
    style: Style,
    alt_option: AltOption,
    output: OutputOptions,
    texts: Texts = None,
) -> None:
    """Compare the same words in another order, or one text on two sides: two models, layers or heads.

    Two texts, or more: what changes where the words stand in another order, and what does not. One text with two
    --model, --layer or --head: how far the two maps are apart, row by row; two tokenizers are matched by their places
    in the text.
    """
    sides.check()
    model_options = replace(model_options, model=sides.of(sides.model)[0])
    view_options = replace(view_options, layer=sides.of(sides.layer)[0], head=sides.of(sides.head)[0])
    digits = digits_for(ViewOptions(precision=view_options.precision))
    check_reduce(view_options.reduce, view_options.head)
    presentation = Presentation(digits, "picture", style, view_options.precision is not None)
    choice = view_choice(view_options)
    check_comparing(choice)
    check_picture(style, choice.refining, alt=alt_option.alt, as_json=output.json)
    view = None if output.json else view_options.view
    Outputs(output.save, alt_option.alt, style.kind, view).refuse_unused(view_options, style)
    for path in output.save:
        check_destination(path, FOR_RESULT)
    if inputs.weights:
        found = _compare_weights(texts or [], inputs, settings, model_options, view_options, sides)
        chosen_there = "all" if names_several(view_options.head) else None
        view_options = view_options if view_options.head == "mean" else replace(view_options, head=chosen_there)
    elif sides.are_two or (sides.model and len(texts or []) == 1):  # one side alone is refused there
        found = _compare_sides(texts or [], inputs, settings, model_options, view_options, sides)
        view_options = replace(view_options, head="all" if any(map(names_several, sides.head)) else None)
    else:
        found = _compare_texts(texts or [], inputs, settings, model_options, view_options)
    brief = not view_options.verbose and all(can_be_brief(one.provenance) for one in found)
    forms = [
        form
        for one in found
        for form in prepare_comparison(one, head=view_options.head, presentation=Presentation(digits), brief=brief)
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
        print_views(partial(view_comparison, forms, choice, brief=brief))
    if alt_option.alt:
        from attnviz.views.prepared.alt_text import describe_picture

        for one in found:
            print_sentence(
                describe_picture(prepare_comparing(one, view_options.head, presentation, choice.refining), style)
            )


def _compare_sides(
    texts: list[str],
    inputs: ComparisonInput,
    settings: Settings,
    model_options: Options,
    view_options: ComparisonViewOptions,
    sides: SideOptions,
) -> list[Comparison]:
    """Compare one text on two sides: two models, two layers or two heads."""
    if not sides.model:
        raise OptionError(
            "Two layers or heads of one text are compared in a model.",
            hint="Name it with --model, or give two files with --weights.",
        )
    if len(texts) != 1:
        raise OptionError(
            "Two sides are compared on one text, and here are {count}.",
            hint="Give one text, or each of --model, --layer and --head once.",
            count=len(texts),
        )
    if not sides.are_two:
        raise OptionError(
            "One text, one model, one layer: there is nothing to compare it with.",
            hint="Give another text, or --model, --layer or --head twice.",
        )
    if [*texts, inputs.keys].count("-") > 1:
        raise OptionError("Standard input (-) can be read only once.")
    check_names(inputs.labels, normalize=inputs.normalize, partial=inputs.partial)
    check_encoded(inputs.encoding, [*texts, inputs.keys], [])
    for given in sides.layer:
        layer_numbers(given)  # before anything is computed
    text = read_text(texts[0], inputs.encoding)
    keys = None if inputs.keys is None else read_text(inputs.keys, inputs.encoding)
    chosen = choose_one(settings, model_options)
    assert isinstance(chosen, Options)
    options = (chosen, replace(chosen, model=sides.of(sides.model)[1]))
    with reading():
        return compare_two_sides(
            text, options, sides.of(sides.layer), sides.of(sides.head), keys=keys, reduce=view_options.reduce
        )


def _compare_weights(
    texts: list[str],
    inputs: ComparisonInput,
    settings: Settings,
    model_options: Options,
    view_options: ComparisonViewOptions,
    sides: SideOptions,
) -> list[Comparison]:
    """Compare the weights of each further file with those of the first; positional arguments are files too."""
    if inputs.keys is not None:
        raise keys_are_given()
    refuse_computing(settings, model_options)
    paths = [*inputs.weights, *map(Path, texts)]
    check_encoded(inputs.encoding, [], inputs.labels, model_options.parts)
    model_options = with_passages(model_options, inputs.encoding)
    labels = [read_labels(text, inputs.encoding) for text in inputs.labels]
    reading_options = reading_of(
        model_options, normalize=inputs.normalize, partial=inputs.partial, reduce=view_options.reduce
    )
    if sides.are_two:
        return [compare_file_sides(paths, labels, reading_options, sides.of(sides.layer), sides.of(sides.head))]
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
    check_encoded(inputs.encoding, [*texts, inputs.keys], [], model_options.parts)
    first, *others = (read_text(text, inputs.encoding) for text in texts)
    keys = None if inputs.keys is None else read_text(inputs.keys, inputs.encoding)
    model_options = with_passages(model_options, inputs.encoding)
    chosen = choose_one(settings, model_options, joins=True)
    joining = joining_of(model_options, {})
    with reading() as progress:
        word_files = open_for((first, *others, keys), chosen, progress)
        return [
            found
            for other in others
            for found in compare_layers(
                first,
                other,
                chosen,
                view_options.layer,
                keys=keys,
                reduce=view_options.reduce,
                joining=joining,
                word_files=word_files,
            )
        ]
