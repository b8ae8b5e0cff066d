"""`attnviz lab`: one sentence under many settings, or over a long distance."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

import typer

from attnviz.analysis.distances import by_distance
from attnviz.analysis.lab import distances_document, lab_document
from attnviz.analysis.run_lab import lab
from attnviz.api.save import FOR_LAB, save_distances, save_lab
from attnviz.cli.common import digits_for, picture_style, print_json
from attnviz.cli.options import OutputOptions, PictureOptions, TextInput, ViewOptions
from attnviz.cli.printing import print_curves, print_grids, print_notes
from attnviz.cli.progress import reading
from attnviz.cli.sources import Source, read_source
from attnviz.cli.unused_options import Outputs
from attnviz.core.errors import OptionError
from attnviz.i18n.messages import phrase
from attnviz.toy.settings import Settings
from attnviz.views.prepared.presentation import Presentation
from attnviz.views.prepared.style import Style

Texts = Annotated[
    list[str] | None, typer.Argument(metavar="[TEXT]", help="A text; - is standard input.", show_default=False)
]


@dataclass(frozen=True)
class LabOptions:
    """Options of `lab`: what varies, and what is shown."""

    vary: list[str] = field(default_factory=list)
    long: int | None = None
    head: str | None = field(
        default=None,
        metadata={
            "help": phrase("Head to show: a number from 0, a name, or mean (the default)."),
            "metavar": phrase("N|NAME|mean"),
        },
    )
    precision: int | None = None


def command(
    inputs: TextInput,
    settings: Settings,
    lab_options: LabOptions,
    picture_options: PictureOptions,
    output: OutputOptions,
    texts: Texts = None,
) -> None:
    """Compare every position scheme with every mask, side by side, or vary other settings."""
    digits_for(ViewOptions(precision=lab_options.precision))
    style = picture_style(picture_options, output.save, FOR_LAB)
    Outputs(output.save, view=None if output.json else "auto").refuse_unused(lab_options)
    source = read_source(texts or [], inputs)
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
    print_notes(found.notes)
    for path in output.save:
        print_notes(
            save_lab(
                found,
                path,
                presentation=Presentation(lab_options.precision, "picture", style, lab_options.precision is not None),
            )
        )
    return print_json([lab_document(found)]) if output.json else print_grids(found, lab_options.precision)


def _over_distance(
    source: Source, settings: Settings, lab_options: LabOptions, style: Style, output: OutputOptions
) -> None:
    if (source.keys, lab_options.head, lab_options.precision) != (None, None, None):
        raise OptionError(
            "--long repeats one text and draws curves for the mean of its heads: leave out --keys, --head "
            "and --precision."
        )
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
    for path in output.save:
        print_notes(save_distances(found, path, presentation=Presentation(medium="picture", style=style)))
    if output.json:
        print_json([distances_document(found)])
    else:
        print_curves(found)
