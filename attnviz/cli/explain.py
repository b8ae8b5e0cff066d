"""`attnviz explain`: one row, every number of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

import typer

from attnviz.api.save import FOR_EXPLANATION, SHEETS, check_destination, save_explanation
from attnviz.cli.common import attend_one, digits_to_redo, print_json
from attnviz.cli.idle_options import Made
from attnviz.cli.options import Input, Looking, Output
from attnviz.cli.printing import print_notes, print_sheet
from attnviz.core.errors import OptionError
from attnviz.explanation.build import explain_attention
from attnviz.i18n.messages import phrase
from attnviz.toy.settings import Settings

Texts = Annotated[
    list[str] | None, typer.Argument(metavar="[TEXT]", help="A text; - is standard input.", show_default=False)
]


@dataclass(frozen=True)
class Choosing:
    """Which row, or which weight of it, in how many digits, and with blanks or not."""

    token: str | None = None
    cell: str | None = None
    layer: str | None = field(
        default=None, metadata={"help": phrase("Which layer, counted from 0; the last if not given."), "metavar": "N"}
    )
    head: str | None = field(
        default=None,
        metadata={
            "help": phrase("Which head: a number from 0, a name, or all to compare them; the least even if not given."),
            "metavar": phrase("N|NAME|all"),
        },
    )
    precision: int | None = None
    worksheet: bool = False


def command(given: Input, settings: Settings, choosing: Choosing, output: Output, texts: Texts = None) -> None:
    """One row, every number of it, from embedding to output."""
    for path in output.save:
        check_destination(path, FOR_EXPLANATION)
    sheets = any(path.suffix.lower() in SHEETS for path in output.save)
    if choosing.worksheet and output.json and not sheets:
        raise OptionError(
            "--worksheet leaves blanks on a sheet, and with --json there is none.",
            hint="Save one beside it, as in: --save sheet.html.",
        )
    Made(view="auto" if sheets or not output.json else None).refuse_idle(Looking(precision=choosing.precision))
    looking = Looking(layer=choosing.layer, precision=choosing.precision)
    attention = attend_one(texts or [], given, settings, looking)
    digits = digits_to_redo(looking, attention)
    explanation = explain_attention(
        attention, token=choosing.token, cell=choosing.cell, head=choosing.head, layer=choosing.layer
    )
    print_notes({str(note): note for note in (*attention.notes, *explanation.notes)}.values())
    for path in output.save:
        save_explanation(explanation, path, digits=digits, worksheet=choosing.worksheet)
    if output.json:
        from attnviz.io.write_data import explanation_document

        print_json([explanation_document(explanation)])
    else:
        print_sheet(explanation, digits, worksheet=choosing.worksheet)
