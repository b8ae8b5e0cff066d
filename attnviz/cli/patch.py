"""`attnviz patch`: which part of a run on one text brings its answer into the run on another."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

import typer

from attnviz.analysis.patch import patch, patching_document
from attnviz.api.look import Look
from attnviz.api.save import FOR_RESULT
from attnviz.cli.common import digits_for, picture_style, print_json, save_files
from attnviz.cli.options import MapOptions, OutputOptions, VerboseOption, ViewOptions
from attnviz.cli.printing import print_listing, print_notes, print_panels
from attnviz.cli.progress import doing
from attnviz.cli.sources import read_text
from attnviz.cli.unused_options import Outputs
from attnviz.core.errors import OptionError
from attnviz.i18n.messages import message, phrase
from attnviz.views.prepared.patch import list_patching, prepare_patching
from attnviz.views.prepared.presentation import Presentation

Texts = Annotated[
    list[str] | None,
    typer.Argument(metavar="CLEAN CORRUPT", help="Two texts with equally many tokens.", show_default=False),
]


@dataclass(frozen=True)
class PatchOptions:
    """Options of `patch`: the model, the answer, and what is replaced."""

    model: str | None = None
    download: bool = False
    answer: str | None = field(
        default=None,
        metadata={"help": phrase("Word that the clean text leads to, one token of the vocabulary; it must be given.")},
    )
    against: str | None = None
    by: str = field(
        default="head",
        metadata={
            "help": phrase("What is taken from the clean text: a head’s output, or what a layer reads at one token."),
            "metavar": "head|position",
        },
    )
    top: int | None = field(
        default=None, metadata={"help": phrase("Parts that are listed, those that bring back most (5 if not given).")}
    )
    precision: int | None = None


def command(
    patch_options: PatchOptions,
    picture_options: MapOptions,
    output: OutputOptions,
    verbose_option: VerboseOption,
    texts: Texts = None,
) -> None:
    """Put parts of a run on one text into the run on another: what brings the answer back.

    Activation patching, by head (Wang et al. 2023) or by layer and position (Meng et al. 2022): 0 brings nothing of the
    difference between the two texts back, 1 all of it. The measure is the logit of --answer minus that of --against, or
    without --against the probability of the answer.
    """
    digits_for(ViewOptions(precision=patch_options.precision))
    style = picture_style(picture_options, output.save, FOR_RESULT)
    Outputs(view=None if output.json else "auto").refuse_unused(verbose_option)
    if len(texts or []) != 2:
        raise OptionError(
            "patch takes two texts, not {count}.",
            hint="The first leads to the answer, the other does not.",
            count=len(texts or []),
        )
    if patch_options.model is None:
        raise OptionError("patch looks into a model.", hint="Name one with --model; attnviz models lists those here.")
    if patch_options.answer is None:
        raise OptionError("patch needs --answer: the word that the first text leads to.")
    if patch_options.top is not None and patch_options.top < 1:
        raise OptionError("--top must be at least 1, not {value}.", value=patch_options.top)
    if (texts or []).count("-") > 1:
        raise OptionError("Standard input (-) can be read only once.")
    clean, corrupt = map(read_text, texts or [])
    with doing(message("Patching")) as progress:
        found = patch(
            clean,
            corrupt,
            patch_options.model,
            answer=patch_options.answer,
            against=patch_options.against,
            by=patch_options.by,
            download=patch_options.download,
            progress=progress,
        )
    print_notes(found.notes)
    save_files(found, output.save, Look(digits=patch_options.precision, style=style))
    if output.json:
        print_json([patching_document(found)])
        return
    presentation = Presentation(patch_options.precision)
    print_listing(list_patching(found, presentation, patch_options.top))
    print_panels(prepare_patching(found, presentation, brief=not verbose_option.verbose))
