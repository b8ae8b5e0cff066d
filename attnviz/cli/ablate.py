"""`attnviz ablate`: take each other word, or each head, away; of the toy, or of a model."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Annotated

import typer

from attnviz.analysis.ablation import ablation_document
from attnviz.analysis.head_ablation import ablate_heads, head_ablation_document
from attnviz.analysis.run_ablation import ablate
from attnviz.api.look import Look
from attnviz.api.save import FOR_RESULT
from attnviz.api.toy_or_model import choose_one
from attnviz.cli.common import digits_for, picture_style, print_json, save_files
from attnviz.cli.options import MapOptions, OutputOptions, TextInput, ViewOptions
from attnviz.cli.printing import print_listing, print_notes, print_panels
from attnviz.cli.progress import doing, reading
from attnviz.cli.sources import Source, need_plain_text, read_source
from attnviz.cli.unused_options import Outputs
from attnviz.core.errors import OptionError
from attnviz.i18n.messages import message, phrase
from attnviz.models.options import Options
from attnviz.toy.settings import Settings
from attnviz.views.prepared.ablation import prepare_ablation
from attnviz.views.prepared.head_ablation import list_head_ablation, prepare_head_ablation
from attnviz.views.prepared.presentation import Presentation
from attnviz.views.prepared.style import Style, refuse_limits

Texts = Annotated[
    list[str] | None, typer.Argument(metavar="[TEXT]", help="A text; - is standard input.", show_default=False)
]


@dataclass(frozen=True)
class AblationOptions:
    """Options of `ablate`: what is removed, and whose vector is observed."""

    token: str | None = field(
        default=None, metadata={"help": phrase("Word whose new vector is compared: its text, 猫#2, or its index.")}
    )
    by: str | None = field(
        default=None,
        metadata={
            "help": phrase(
                "What to remove and how: words from the text (the default), words by a mask, or heads, as of a model."
            )
        },
    )
    head: str | None = field(
        default=None,
        metadata={
            "help": phrase(
                "Heads whose weights are shown beside: 3, 0,5, 2-4, names, all, or mean (the default). Of a model, and "
                "with --by head, heads that are removed."
            ),
            "metavar": phrase("N,N-N|NAME|mean|all"),
        },
    )
    layer: str | None = field(
        default=None,
        metadata={
            "help": phrase("Layers of a model whose heads are removed: 3, 0,5, 2-4, or all (if not given)."),
            "metavar": "N,N-N|all",
        },
    )
    precision: int | None = None
    answer: str | None = None
    ablation: str = "zero"
    top: int | None = field(
        default=None,
        metadata={"help": phrase("Heads of a model that are listed, those that matter most (10 if not given).")},
    )
    verbose: bool = field(default=False, metadata={"short": "-v"})


@dataclass(frozen=True)
class ModelInput:
    """Options of commands that run a model of one stack on a text several times."""

    model: str | None = None
    download: bool = False
    pair: str | None = None


def command(
    inputs: TextInput,
    settings: Settings,
    model_input: ModelInput,
    ablation_options: AblationOptions,
    picture_options: MapOptions,
    output: OutputOptions,
    texts: Texts = None,
) -> None:
    """Remove a word or a head: how far the output changes, beside the weight it had.

    Each other word, or each head, is removed in turn. The rank correlation says how far the weight may be read as
    importance here (Jain and Wallace 2019; Wiegreffe and Pinter 2019). Toy vectors can show how weight and importance
    differ; they cannot show what a trained model depends on.

    With --model every head, or those of --layer and --head, is switched off in turn (Michel et al. 2019): how far the
    output moves, or the probability of --answer, beside the length of what the head adds and its largest weight.
    """
    digits = digits_for(ViewOptions(precision=ablation_options.precision))
    style = picture_style(picture_options, output.save, FOR_RESULT)
    if ablation_options.verbose:
        Outputs(view=None if output.json else "auto").refuse_unused(ablation_options, alone="verbose")
    source = read_source(texts or [], inputs)
    if model_input.model is not None:
        return _ablate_model(source, settings, model_input, ablation_options, style, output)
    chosen_for_model(settings, model_input, answer=ablation_options.answer, ablation=ablation_options.ablation)
    for option, given in (("--top", ablation_options.top), ("--layer", ablation_options.layer)):
        if given is not None:
            raise OptionError("{option} goes with --model.", option=option)
    refuse_limits(style)
    with reading() as progress:
        found = ablate(
            source.text,
            ablation_options.token,
            settings,
            by=ablation_options.by or "word",
            head=ablation_options.head,
            keys=source.keys,
            vectors=source.vectors,
            labels=source.labels,
            progress=progress,
        )
    print_notes(found.notes)
    save_files(found, output.save, Look(digits=ablation_options.precision, style=style))
    if output.json:
        print_json([ablation_document(found)])
    else:
        print_listing(prepare_ablation(found, Presentation(digits), brief=not ablation_options.verbose))
    return None


def chosen_for_model(settings: Settings, model_input: ModelInput, **of_model: str | None) -> None:
    """Raise OptionError for an option of the toy beside a model, or of a model beside the toy."""
    choose_one(settings, Options(**asdict(model_input)))
    for name, value in of_model.items():
        if model_input.model is None and value not in (None, "zero"):
            raise OptionError("{option} goes with --model.", option=f"--{name}")


def _ablate_model(
    source: Source,
    settings: Settings,
    model_input: ModelInput,
    ablation_options: AblationOptions,
    style: Style,
    output: OutputOptions,
) -> None:
    """Switch each head of a model off in turn."""
    chosen_for_model(settings, model_input)
    if ablation_options.by not in (None, "head"):
        raise OptionError("Of a model heads are removed, not words: --by {by} is for the toy.", by=ablation_options.by)
    if ablation_options.top is not None and ablation_options.top < 1:
        raise OptionError("--top must be at least 1, not {value}.", value=ablation_options.top)
    text = need_plain_text(source)
    assert model_input.model is not None
    with doing(message("Switching heads off")) as progress:
        found = ablate_heads(
            text,
            model_input.model,
            answer=ablation_options.answer,
            ablation=ablation_options.ablation,
            token=ablation_options.token,
            layer=ablation_options.layer,
            head=ablation_options.head,
            pair=model_input.pair,
            download=model_input.download,
            progress=progress,
        )
    print_notes(found.notes)
    save_files(found, output.save, Look(digits=ablation_options.precision, style=style))
    if output.json:
        print_json([head_ablation_document(found)])
        return
    presentation = Presentation(ablation_options.precision)
    print_listing(list_head_ablation(found, presentation, ablation_options.top))
    print_panels(prepare_head_ablation(found, presentation, brief=not ablation_options.verbose))
