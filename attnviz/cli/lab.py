"""`attnviz lab`: one sentence under many settings, or over a long distance."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

import typer

from attnviz.analysis.distances import by_distance
from attnviz.analysis.lab import MODEL_VARIES, Lab, distances_document, lab_document
from attnviz.analysis.run_lab import lab
from attnviz.api.look import Look
from attnviz.api.save import FOR_RESULT
from attnviz.api.toy_or_model import changed_fields, choose_one
from attnviz.cli.common import digits_for, picture_style, print_json, save_files
from attnviz.cli.options import MapOptions, OutputOptions, TextInput, ViewOptions
from attnviz.cli.printing import print_curves, print_grids, print_notes
from attnviz.cli.progress import doing, reading
from attnviz.cli.sources import Source, need_plain_text, read_source
from attnviz.cli.unused_options import Outputs
from attnviz.core.errors import OptionError
from attnviz.i18n.messages import message, phrase
from attnviz.models.options import Options
from attnviz.toy.settings import Settings
from attnviz.views.prepared.style import Style, refuse_limits

Texts = Annotated[
    list[str] | None, typer.Argument(metavar="[TEXT]", help="A text; - is standard input.", show_default=False)
]


@dataclass(frozen=True)
class LabOptions:
    """Options of `lab`: what varies, and what is shown."""

    vary: list[str] = field(
        default_factory=list,
        metadata={
            "help": phrase(
                "Setting to vary in place of positions and masks, such as temperature=0.5,1,2; for two settings, given "
                "twice. Of a model: position, mask, temperature, base (of the rotation)."
            )
        },
    )
    long: int | None = None
    head: str | None = field(
        default=None,
        metadata={
            "help": phrase("Heads, each with its own maps: 3, 0,5, 2-4, names, all, or mean (the default)."),
            "metavar": phrase("N,N-N|NAME|mean|all"),
        },
    )
    precision: int | None = None
    verbose: bool = field(default=False, metadata={"short": "-v"})


@dataclass(frozen=True)
class LabModelOptions:
    """Options of `lab` for a model: which, what is shown of it, and in which layers settings are changed."""

    model: str | None = None
    download: bool = False
    pair: str | None = None
    merge: str = "char"
    no_special: bool = False
    layer: str | None = field(
        default=None,
        metadata={
            "help": phrase(
                "Layers of a model, each with its own maps: 3, 0,5, 2-4, all, or mean; the last if not given."
            ),
            "metavar": "N,N-N|mean|all",
        },
    )
    at: str | None = None


def command(
    inputs: TextInput,
    settings: Settings,
    model_options: LabModelOptions,
    lab_options: LabOptions,
    picture_options: MapOptions,
    output: OutputOptions,
    texts: Texts = None,
) -> None:
    """Compare every position scheme with every mask, side by side, or vary other settings.

    With --model the forward pass of a real model is computed anew under each setting, changed in every layer or in
    those of --at: its positions (own, or one for all tokens), its mask, its temperature, or the base of its rotation.
    Below each map stand the bits, whether the whole model sees the order, and what becomes of its output.
    """
    digits_for(ViewOptions(precision=lab_options.precision))
    style = picture_style(picture_options, output.save, FOR_RESULT)
    Outputs(output.save, view=None if output.json else "auto").refuse_unused(lab_options)
    source = read_source(texts or [], inputs)
    if model_options.model is not None:
        return _of_model(source, settings, model_options, lab_options, style, output)
    _refuse_of_model(settings, model_options)
    if lab_options.long is not None:
        return _over_distance(source, settings, lab_options, style, output)
    with reading() as progress:
        found = lab(
            source.text,
            settings,
            vary=lab_options.vary,
            head=lab_options.head,
            keys=source.keys,
            vectors=source.vectors,
            labels=source.labels,
            progress=progress,
        )
    return _show(found, lab_options, style, output)


def _show(found: Lab, lab_options: LabOptions, style: Style, output: OutputOptions) -> None:
    """Print and save the laboratory."""
    print_notes(found.notes)
    save_files(found, output.save, Look(digits=lab_options.precision, style=style))
    if output.json:
        print_json([lab_document(found)])
    else:
        print_grids(found, lab_options.precision, brief=not lab_options.verbose)


def _of_model(
    source: Source,
    settings: Settings,
    model_options: LabModelOptions,
    lab_options: LabOptions,
    style: Style,
    output: OutputOptions,
) -> None:
    """Run a model under many settings."""
    from attnviz.analysis.model_lab import lab_model

    for option in changed_fields(settings):
        name = option.removeprefix("--")
        if name in MODEL_VARIES:
            raise OptionError(
                "With --model settings are varied: --{name} sets one for the toy.",
                hint="Use --vary {name}=own,VALUE.",
                name=name,
            )
        raise OptionError("{option} is for the toy: a model has its own.", hint="Leave it out.", option=option)
    if lab_options.long is not None:
        raise OptionError("--long repeats a text for the toy.", hint="Leave --long out, or --model.")
    text = need_plain_text(source)
    assert model_options.model is not None
    with doing(message("Trying settings")) as progress:
        found = lab_model(
            text,
            model_options.model,
            vary=lab_options.vary,
            layer=model_options.layer,
            at=model_options.at,
            head=lab_options.head,
            pair=model_options.pair,
            merge=model_options.merge,
            no_special=model_options.no_special,
            download=model_options.download,
            progress=progress,
        )
    _show(found, lab_options, style, output)


def _refuse_of_model(settings: Settings, model_options: LabModelOptions) -> None:
    """Raise OptionError for an option of a model without one."""
    choose_one(settings, Options(pair=model_options.pair, download=model_options.download, merge=model_options.merge))
    for option, given in (
        ("--no-special", model_options.no_special),
        ("--layer", model_options.layer is not None),
        ("--at", model_options.at is not None),
    ):
        if given:
            raise OptionError("{option} goes with --model.", option=option)


def _over_distance(
    source: Source, settings: Settings, lab_options: LabOptions, style: Style, output: OutputOptions
) -> None:
    if (source.keys, lab_options.head, lab_options.precision) != (None, None, None):
        raise OptionError(
            "--long repeats one text and draws curves for the mean of its heads: leave out --keys, --head "
            "and --precision."
        )
    refuse_limits(style)
    with reading() as progress:
        found = by_distance(
            source.text,
            lab_options.long or 0,
            settings,
            vary=lab_options.vary,
            vectors=source.vectors,
            progress=progress,
        )
    print_notes(found.notes)
    save_files(found, output.save, Look(style=style))
    if output.json:
        print_json([distances_document(found)])
    else:
        print_curves(found)
