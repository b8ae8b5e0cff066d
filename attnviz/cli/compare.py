"""`attnviz compare`: the same words in another order."""

from __future__ import annotations

from typing import Annotated

import typer

from attnviz.cli.export import Choosing
from attnviz.cli.options import Looking, Output
from attnviz.cli.printing import print_notes, print_tables
from attnviz.cli.reading import as_typed, read_stdin
from attnviz.cli.working import digits_for, print_json
from attnviz.errors import OptionError
from attnviz.export import FOR_COMPARISON, check_destination, save_comparison
from attnviz.pipeline import Settings, compare
from attnviz.render.prepare import prepare_comparison

Texts = Annotated[
    list[str] | None, typer.Argument(metavar="A B", help="Two texts; - is standard input.", show_default=False)
]


def command(settings: Settings, looking: Choosing, output: Output, texts: Texts = None) -> None:
    """The same words in another order: what changes, and what does not."""
    texts = texts or []
    if len(texts) != 2:
        raise OptionError(
            "compare takes two texts, not {count}.", hint='As in: attnviz compare "猫吃鱼" "鱼吃猫".', count=len(texts)
        )
    if texts.count("-") > 1:
        raise OptionError("Standard input (-) can be read only once.")
    digits = digits_for(Looking(precision=looking.precision))
    for path in output.save:
        check_destination(path, FOR_COMPARISON)
    if texts == ["-", "-"]:
        raise OptionError("Standard input (-) can be read only once.")
    first, second = (read_stdin() if text == "-" else as_typed(text) for text in texts)
    comparison = compare(first, second, settings)
    forms = prepare_comparison(comparison, head=looking.head, digits=digits)
    print_notes(comparison.notes)
    for path in output.save:
        print_notes(save_comparison(comparison, path, head=looking.head, digits=digits))
    if output.json:
        from attnviz.storage import comparison_document

        print_json([comparison_document(comparison, looking.head)])
    else:
        print_tables(forms)
