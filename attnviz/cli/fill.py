"""`attnviz fill`: what a model of BERT's kind puts at a mask."""

from __future__ import annotations

from dataclasses import dataclass, field

from attnviz.analysis.next_tokens import filled_document
from attnviz.api.look import Look
from attnviz.api.next_tokens import fill
from attnviz.api.save import FOR_NEXT
from attnviz.cli.common import picture_style, print_json, save_files
from attnviz.cli.next import Texts, one_text
from attnviz.cli.options import FileInput, OutputOptions, PictureOptions, VerboseOption
from attnviz.cli.printing import print_notes, print_views
from attnviz.cli.unused_options import Outputs
from attnviz.i18n.messages import phrase


@dataclass(frozen=True)
class FillingModel:
    """Which model fills the text, and how many candidates are shown."""

    model: str | None = None
    download: bool = False
    top: int = field(default=10, metadata={"help": phrase("Number of likeliest tokens that are shown.")})


def command(
    inputs: FileInput,
    filling: FillingModel,
    picture_options: PictureOptions,
    output: OutputOptions,
    verbose_option: VerboseOption,
    texts: Texts = None,
) -> None:
    """Show what a model of BERT's kind puts at [MASK], and what it attended to.

    A text may have several masks, each filled by itself; <mask> and ___ are read as [MASK], whatever the model calls
    it. It takes a model with a head that gives words (as ...ForMaskedLM), not one that gives sentence vectors.
    """
    style = picture_style(picture_options, output.save, FOR_NEXT)
    Outputs(view=None if output.json else "auto").refuse_unused(verbose_option)
    result = fill(one_text(texts, inputs), filling.model or "", top=filling.top, download=filling.download)
    print_notes(result.notes)
    if output.json:
        print_json([filled_document(result)])
    else:
        from attnviz.views.terminal.next_tokens import render_filled

        print_views(lambda screen: render_filled(result, screen, brief=not verbose_option.verbose), apart=False)
    save_files(result, output.save, Look(style=style))
