"""`attnviz next`: what a model says next."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from attnviz.analysis.next_tokens import NextTokens, next_tokens_document
from attnviz.api.look import Look
from attnviz.api.next_tokens import collect, open_one
from attnviz.api.save import FOR_NEXT
from attnviz.cli.common import picture_style, print_json, save_files
from attnviz.cli.options import AttentionInput, FileInput, MapOptions, OutputOptions, VerboseOption
from attnviz.cli.printing import LinePrinter, print_data, print_listing, print_notes, print_views
from attnviz.cli.progress import resume
from attnviz.cli.sources import check_one, read_sources
from attnviz.cli.unused_options import Outputs
from attnviz.i18n.messages import phrase
from attnviz.models.continuation import Continuation, Decoding, GeneratedToken
from attnviz.models.model import Model
from attnviz.models.options import Options
from attnviz.text.passages import open_passages
from attnviz.views.prepared.next_tokens import heading_of
from attnviz.views.prepared.passages import list_shares
from attnviz.views.prepared.style import refuse_limits

Texts = Annotated[
    list[str] | None, typer.Argument(metavar="[TEXT]", help="A text; - is standard input.", show_default=False)
]


@dataclass(frozen=True)
class SpeakingModel:
    """Which model goes on, whether its chat template renders the text, and which of its heads are off."""

    model: str | None = None
    download: bool = False
    parts: Path | None = None
    chat: bool = False
    chat_template: str | None = None
    ablate: tuple[str, ...] = ()
    ablation: str = "zero"
    source_language: str | None = None
    target_language: str | None = None


@dataclass(frozen=True)
class DecodingOptions:
    """How tokens are chosen, and how many of the likeliest are shown."""

    steps: int = 1
    temperature: float | None = field(
        default=None,
        metadata={"help": phrase("Draw tokens, with scores divided by this number; the likeliest if not given.")},
    )
    top_p: float | None = None
    seed: int | None = field(
        default=None, metadata={"help": phrase("With --temperature: seed of what is drawn (0 if not given).")}
    )
    branches: int = 1
    top: int = field(default=10, metadata={"help": phrase("Number of likeliest tokens that are shown.")})


def command(
    inputs: FileInput,
    model_options: SpeakingModel,
    decoding_options: DecodingOptions,
    picture_options: MapOptions,
    output: OutputOptions,
    verbose_option: VerboseOption,
    texts: Texts = None,
) -> None:
    """Show what a model says next, token by token, and what each new token attended to.

    One step lists the likeliest tokens; more are printed as they come. Probabilities are the model's own, before a
    temperature. The words that a token attended to are ranked by what all heads of all layers add to the row that
    predicts it, not by weights alone. A saved page (.html) and an .npz file have the attention of the whole text.
    """
    decoding = Decoding(
        decoding_options.steps,
        decoding_options.temperature,
        decoding_options.top_p,
        decoding_options.seed,
        decoding_options.top,
    )
    decoding.check()
    style = picture_style(picture_options, output.save, FOR_NEXT)
    Outputs(view=None if output.json else "auto").refuse_unused(verbose_option)
    brief = not verbose_option.verbose
    if decoding.steps == 1 and decoding_options.branches == 1:
        refuse_limits(style)
    text = one_text(texts, inputs, model_options.parts)
    passages = open_passages(model_options.parts, inputs.encoding)
    model = open_one(model_options.model, model_options.download)
    options = Options(
        parts=passages,
        chat=model_options.chat,
        chat_template=model_options.chat_template,
        ablate=model_options.ablate,
        ablation=model_options.ablation,
        source_language=model_options.source_language,
        target_language=model_options.target_language,
    )
    continuations = model.continuations(text, options, decoding, decoding_options.branches)
    print_notes(continuations[0].prompt.notes)
    alone = decoding.steps > 1 and len(continuations) == 1
    if alone and not output.json:
        result = _streamed(model, text, options, continuations, brief=brief)
    else:
        result = collect(model, text, options, continuations)
    if output.json:
        print_json([next_tokens_document(result)])
    elif not alone:
        from attnviz.views.terminal.next_tokens import render_next

        print_views(lambda screen: render_next(result, screen, brief=brief), apart=False)
    if not output.json:
        for number, shares in enumerate(result.passages, 1):
            print_data("\n")
            print_listing(list_shares(shares, branch=number if len(result.passages) > 1 else None))
    print_notes(result.notes[len(continuations[0].prompt.notes) :])
    save_files(result, output.save, Look(style=style))


def one_text(texts: list[str] | None, inputs: FileInput, parts: Path | None = None) -> str:
    """Return the one text that is given; parts: another file, which is read in the same encoding."""
    check_one(texts or [])
    return read_sources(texts or [], AttentionInput(inputs.file, encoding=inputs.encoding), parts)[0].text or ""


def _streamed(
    model: Model, text: str, options: Options, continuations: list[Continuation], *, brief: bool
) -> NextTokens:
    """Print each token of the only continuation as it comes, and a caption; return them all."""
    from attnviz.views.terminal.next_tokens import step_end, step_heading, step_line

    printer = LinePrinter()
    prompt = continuations[0].prompt
    heading = heading_of(prompt.source or text, model.name, answers=options.chat or not prompt.is_read)
    printer.print(step_heading(heading, printer.screen))
    count = 0

    def watch(token: GeneratedToken) -> None:
        nonlocal count
        count += 1
        printer.print([step_line(token, count, printer.screen)])
        resume()

    result = collect(model, text, options, continuations, watch)
    printer.print(step_end(result, printer.screen, brief=brief))
    return result
