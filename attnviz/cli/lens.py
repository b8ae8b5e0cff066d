"""`attnviz lens`: what the model would say after each layer, and what adds up to an answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

import typer

from attnviz.analysis.lens import lens, lens_document
from attnviz.api.look import Look
from attnviz.api.save import FOR_RESULT
from attnviz.cli.common import digits_for, picture_style, print_json, save_files
from attnviz.cli.options import FileInput, MapOptions, OutputOptions, TextInput, VerboseOption, ViewOptions
from attnviz.cli.printing import print_listing, print_notes, print_panels
from attnviz.cli.progress import doing
from attnviz.cli.sources import read_source
from attnviz.cli.unused_options import Outputs
from attnviz.core.errors import OptionError
from attnviz.i18n.messages import message, phrase
from attnviz.views.prepared.lens import list_attribution, list_layers, prepare_lens
from attnviz.views.prepared.presentation import Presentation

Texts = Annotated[
    list[str] | None, typer.Argument(metavar="[TEXT]", help="A text; - is standard input.", show_default=False)
]


@dataclass(frozen=True)
class LensOptions:
    """Options of `lens`: the model, the position, and the words that are watched."""

    model: str | None = None
    download: bool = False
    pair: str | None = None
    token: str | None = field(
        default=None,
        metadata={"help": phrase("Only position shown, with its three likeliest tokens: a word, 猫#2, or an index.")},
    )
    watch: str | None = None
    answer: str | None = field(
        default=None,
        metadata={"help": phrase("Word whose logit is divided into what each head and each MLP adds to it.")},
    )
    ablate: tuple[str, ...] = ()
    ablation: str = "zero"
    precision: int | None = None


def command(
    inputs: FileInput,
    lens_options: LensOptions,
    picture_options: MapOptions,
    output: OutputOptions,
    verbose_option: VerboseOption,
    texts: Texts = None,
) -> None:
    """Show what a model would say after each layer, and what adds up to its answer.

    The logit lens (nostalgebraist 2020): the final norm and the head read each layer's hidden states. --watch follows a
    word's probability and rank. --answer divides a word's logit into what each head and each MLP adds to it; with
    files, it is what the picture shows.
    """
    digits_for(ViewOptions(precision=lens_options.precision))
    style = picture_style(picture_options, output.save, FOR_RESULT)
    Outputs(view=None if output.json else "auto").refuse_unused(verbose_option)
    if lens_options.model is None:
        raise OptionError("lens looks into a model.", hint="Name one with --model; attnviz models lists those here.")
    source = read_source(texts or [], TextInput(file=inputs.file, encoding=inputs.encoding))
    with doing(message("Reading the layers")) as progress:
        found = lens(
            source.text or "",
            lens_options.model,
            token=lens_options.token,
            watch=lens_options.watch,
            answer=lens_options.answer,
            pair=lens_options.pair,
            ablate=lens_options.ablate,
            ablation=lens_options.ablation,
            download=lens_options.download,
            progress=progress,
        )
    print_notes(found.notes)
    save_files(found, output.save, Look(digits=lens_options.precision, style=style))
    if output.json:
        print_json([lens_document(found)])
        return
    presentation, brief = Presentation(lens_options.precision), not verbose_option.verbose
    if lens_options.token is None:
        print_panels(prepare_lens(found, presentation, brief=brief))
    else:
        print_listing(list_layers(found, presentation, brief=brief))
    parts = list_attribution(found, presentation, brief=brief)
    if parts is not None:
        print_listing(parts)
