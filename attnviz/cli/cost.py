"""`attnviz cost`: what N tokens cost."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Annotated

import typer

from attnviz.analysis.cost import cost, cost_document, read_count
from attnviz.api.look import Look
from attnviz.api.save import FOR_RESULT
from attnviz.cli.common import picture_style, print_json, save_files
from attnviz.cli.options import OutputOptions, PictureOptions, VerboseOption
from attnviz.cli.printing import print_listing
from attnviz.cli.unused_options import Outputs
from attnviz.i18n.messages import phrase
from attnviz.views.prepared.cost import prepare_costs

Counts = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[N]...",
        help="Numbers of tokens, such as 1000, 1e6 or 10^12; by default a sentence, a page, a report and a book.",
        show_default=False,
    ),
]


@dataclass(frozen=True)
class CostOptions:
    """Options of `cost`: the size of the attention whose cost is counted."""

    heads: int = field(default=1, metadata={"help": phrase("Number of heads that share the dimensions.")})
    dim: int = field(default=64, metadata={"help": phrase("Dimensions of all heads together.")})
    layers: int = 1
    mask: str = field(
        default="window:128", metadata={"help": phrase("Mask whose scores are counted beside those of all pairs.")}
    )


def command(
    cost_options: CostOptions,
    picture_options: PictureOptions,
    output: OutputOptions,
    verbose_option: VerboseOption,
    counts: Counts = None,
) -> None:
    """Count what N tokens cost: scores, memory, and time measured here."""
    numbers = [read_count(text) for text in counts] if counts else None
    style = picture_style(picture_options, output.save, FOR_RESULT)
    Outputs(view=None if output.json else "auto").refuse_unused(verbose_option)
    found = cost(numbers, **asdict(cost_options))
    save_files(found, output.save, Look(style=style))
    if output.json:
        print_json([cost_document(found)])
    else:
        print_listing(prepare_costs(found, brief=not verbose_option.verbose))
