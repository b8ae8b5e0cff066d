"""`attnviz explain`: one row, every number of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

import typer

from attnviz.api.look import Look
from attnviz.api.save import FOR_RESULT, SHEETS
from attnviz.api.write import check_destination, numbered
from attnviz.cli.common import attend_one, explain_digits, print_json, save_files
from attnviz.cli.options import AttentionInput, OutputOptions, VerboseOption, ViewOptions
from attnviz.cli.printing import print_notes, print_worksheets
from attnviz.cli.unused_options import Outputs
from attnviz.core.errors import OptionError
from attnviz.explanation.build import explain_layers
from attnviz.i18n.messages import phrase
from attnviz.models.options import Options
from attnviz.toy.settings import Settings

Texts = Annotated[
    list[str] | None, typer.Argument(metavar="[TEXT]", help="A text; - is standard input.", show_default=False)
]


@dataclass(frozen=True, eq=False, repr=False)
class RowOptions:
    """Options of `explain`: the row or the weight, its digits, and whether answers are left blank."""

    token: str | None = None
    cell: str | None = None
    layer: str | None = field(
        default=None,
        metadata={
            "help": phrase(
                "Layer, counted from 0, or mean; several (0,2-4) or all have a sheet each; by default the last."
            ),
            "metavar": "N,N-N|mean|all",
        },
    )
    head: str | None = field(
        default=None,
        metadata={
            "help": phrase(
                "Head: a number from 0 or a name; several (0,2-4) or all are compared; by default the least even one."
            ),
            "metavar": phrase("N,N-N|NAME|all"),
        },
    )
    precision: int | None = None
    worksheet: bool = False


def command(
    inputs: AttentionInput,
    settings: Settings,
    model_options: Options,
    row_options: RowOptions,
    output: OutputOptions,
    verbose_option: VerboseOption,
    texts: Texts = None,
) -> None:
    """Redo one row by hand: every number from embedding to output."""
    for path in output.save:
        check_destination(path, FOR_RESULT)
    sheets = any(path.suffix.lower() in SHEETS for path in output.save)
    if row_options.worksheet and output.json and not sheets:
        raise OptionError(
            "--worksheet leaves blanks on a sheet, and --json prints no sheet.",
            hint="Save a sheet too, for example: --save sheet.html.",
        )
    Outputs(view=None if output.json else "auto").refuse_unused(verbose_option)
    Outputs(view="auto" if sheets or not output.json else None).refuse_unused(
        ViewOptions(precision=row_options.precision)
    )
    view_options = ViewOptions(layer=row_options.layer, precision=row_options.precision)
    attention = attend_one(texts or [], inputs, settings, model_options, view_options)
    digits = explain_digits(view_options, attention)
    explanations = explain_layers(
        attention, token=row_options.token, cell=row_options.cell, head=row_options.head, layer=row_options.layer
    )
    print_notes({str(note): note for one in explanations for note in (*attention.notes, *one.notes)}.values())
    for index, one in enumerate(explanations):
        paths = [numbered(path, index, len(explanations)) for path in output.save]
        save_files(one, paths, Look(digits=row_options.precision, worksheet=row_options.worksheet))
    if output.json:
        from attnviz.io.write_data import explanation_document

        print_json([explanation_document(one) for one in explanations])
    else:
        print_worksheets(explanations, digits, worksheet=row_options.worksheet, brief=not verbose_option.verbose)
