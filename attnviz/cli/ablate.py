"""`attnviz ablate`: take each other word, or each head, away."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

import typer

from attnviz.analysis.ablation import ablation_document
from attnviz.analysis.run_ablation import ablate
from attnviz.api.save import FOR_ABLATION, check_destination, save_ablation
from attnviz.cli.common import digits_for, picture_style, print_json
from attnviz.cli.options import OutputOptions, PictureOptions, TextInput, ViewOptions
from attnviz.cli.printing import print_listing, print_notes
from attnviz.cli.progress import reading
from attnviz.cli.sources import read_source
from attnviz.i18n.messages import phrase
from attnviz.toy.settings import Settings
from attnviz.views.prepared.ablation import prepare_ablation
from attnviz.views.prepared.presentation import Presentation

Texts = Annotated[
    list[str] | None, typer.Argument(metavar="[TEXT]", help="A text; - is standard input.", show_default=False)
]


@dataclass(frozen=True)
class AblationOptions:
    """Options of `ablate`: what is removed, and whose vector is observed."""

    token: str | None = field(
        default=None, metadata={"help": phrase("Word whose new vector is compared: its text, 猫#2, or its index.")}
    )
    by: str = "word"
    head: str | None = field(
        default=None,
        metadata={
            "help": phrase("Head whose weights are shown beside: a number, a name, or mean (the default)."),
            "metavar": phrase("N|NAME|mean"),
        },
    )
    precision: int | None = None


def command(
    inputs: TextInput,
    settings: Settings,
    ablation_options: AblationOptions,
    picture_options: PictureOptions,
    output: OutputOptions,
    texts: Texts = None,
) -> None:
    """Remove a word or a head: how far the output changes, beside the weight it had.

    Each other word, or each head, is removed in turn. The rank correlation says how far the weight may be read as
    importance here (Jain and Wallace 2019; Wiegreffe and Pinter 2019). Toy vectors can show how weight and importance
    differ; they cannot show what a trained model depends on.
    """
    digits = digits_for(ViewOptions(precision=ablation_options.precision))
    for path in output.save:
        check_destination(path, FOR_ABLATION)
    style = picture_style(picture_options, output.save)
    source = read_source(texts or [], inputs)
    with reading() as progress:
        found = ablate(
            source.text,
            ablation_options.token,
            settings,
            by=ablation_options.by,
            head=ablation_options.head,
            keys=source.keys,
            vectors=source.vectors,
            labels=source.labels,
            progress=progress,
        )
    print_notes(found.notes)
    for path in output.save:
        print_notes(save_ablation(found, path, presentation=Presentation(digits, "picture", style)))
    if output.json:
        print_json([ablation_document(found)])
    else:
        print_listing(prepare_ablation(found, Presentation(digits)))
