"""`attnviz heads`: what each head does."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from attnviz.analysis.heads import Heads, find_column, heads_document
from attnviz.analysis.probe_heads import PROBE_TOKENS
from attnviz.api.heads import heads
from attnviz.api.look import Look
from attnviz.api.save import FOR_RESULT, PICTURES
from attnviz.api.toy_or_model import choose_one
from attnviz.cli.common import digits_for, picture_style, print_json, save_files
from attnviz.cli.options import AttentionInput, MapOptions, OutputOptions, VerboseOption, ViewOptions
from attnviz.cli.printing import print_listing, print_notes, print_views
from attnviz.cli.progress import reading
from attnviz.cli.sources import read_sources
from attnviz.cli.unused_options import Outputs
from attnviz.core.errors import InputError, OptionError
from attnviz.i18n.messages import message, phrase
from attnviz.models.options import Options
from attnviz.toy.settings import Settings
from attnviz.views.prepared.heads_report import prepare_heads, prepare_map
from attnviz.views.prepared.presentation import Presentation
from attnviz.views.terminal.choice import Choice

SHOWN = 20  # rows of a list where nobody asked for more
MOST_WITHOUT_TOP = 40

Texts = Annotated[
    list[str] | None,
    typer.Argument(metavar="[TEXT]...", help="One or several texts; - is standard input.", show_default=False),
]


@dataclass(frozen=True)
class HeadsInput:
    """Input options of `heads`: a file, of which each line is a text."""

    file: Path | None = field(
        default=None,
        metadata={"help": phrase("Read this file: each line is a text. So are the lines of standard input.")},
    )
    encoding: str | None = None


@dataclass(frozen=True)
class HeadsModelOptions:
    """Which model's heads are measured; its pieces are not joined."""

    model: str | None = None
    download: bool = False
    attention: str = field(
        default="auto", metadata={"help": phrase("Attention of an encoder-decoder to measure; auto: encoder.")}
    )
    ablate: tuple[str, ...] = ()
    ablation: str = "zero"


@dataclass(frozen=True)
class HeadsViewOptions:
    """Options of `heads`: the probe, the order of the rows, and what is shown of them."""

    probe: bool = False
    probe_tokens: int = PROBE_TOKENS
    sort: str | None = None
    top: int | None = field(
        default=None,
        metadata={
            "help": phrase("Number of heads to show; 20 if not given and there are more than 40."),
            "metavar": "N",
        },
    )
    like: str | None = None
    example: bool = False
    map: bool = False
    color: str | None = None
    precision: int | None = field(
        default=None, metadata={"help": phrase("Decimal places of a number, 1 to 9 (2 if not given).")}
    )


def command(
    inputs: HeadsInput,
    settings: Settings,
    model_options: HeadsModelOptions,
    view_options: HeadsViewOptions,
    picture_options: MapOptions,
    output: OutputOptions,
    verbose_option: VerboseOption,
    texts: Texts = None,
) -> None:
    """Show what each head does: what it looks at, how much it adds, and a name.

    A row a head: the lengths of what it adds from each word, summed, the mean over the words (Kobayashi et al. 2020);
    its activity, 1 where its keys have values of the mean length; then its shares on patterns, by what it adds / by
    weight alone. Several texts are averaged, with their standard deviation.
    A name is given in this order. With --probe: induction, duplicate token or the previous word, for a score of at
    least .40. “Rests, adds little”: at least .50 of the weight is on the first word or on special tokens, and the
    activity is below .25. “Spread evenly”: the entropy of the weights is at least .95 of the largest possible. Then the
    pattern with the largest share, where that lies at least half way from what an even head would give it to 1; else
    “mixed”.
    """
    digits_for(ViewOptions(precision=view_options.precision))
    for option, column in (("--sort", view_options.sort), ("--color", view_options.color)):
        if column is not None:
            find_column(column, option=option)
    Outputs(view=None if output.json else "auto").refuse_unused(verbose_option)
    _refuse_unused(view_options, output)
    style = picture_style(picture_options, output.save, FOR_RESULT)
    options = Options(**asdict(model_options))
    chosen = choose_one(settings, options)
    read = _texts(texts or [], inputs)
    with reading() as progress:
        found = heads(
            read,
            chosen,
            probe=view_options.probe,
            probe_tokens=view_options.probe_tokens,
            like=view_options.like,
            sort=view_options.sort,
            top=view_options.top,
            color=view_options.color,
            progress=progress,
        )
    print_notes(found.notes)
    save_files(found, output.save, Look(digits=view_options.precision, style=style))
    if output.json:
        print_json([heads_document(found)])
    elif view_options.map:
        _print_map(found, view_options, brief=not verbose_option.verbose)
    else:
        _print_list(found, view_options, brief=not verbose_option.verbose)


def _refuse_unused(view_options: HeadsViewOptions, output: OutputOptions) -> None:
    """Raise OptionError for options that change nothing here."""
    pictures = any(path.suffix.lower() in PICTURES for path in output.save)
    if view_options.color is not None and not pictures and (not view_options.map or output.json):
        raise OptionError("--color goes with --map or a picture.", hint="Leave it out.")
    if output.json and (view_options.map or view_options.example):
        raise OptionError(
            "--json prints every number: --map and --example are for the terminal.", hint="Leave them out."
        )
    if view_options.map and view_options.example:
        raise OptionError("--example adds a column to the list: leave --map out.")
    if view_options.probe_tokens != PROBE_TOKENS and not view_options.probe:
        raise OptionError("--probe-tokens goes with --probe.")


def _texts(texts: list[str], inputs: HeadsInput) -> list[str]:
    """Return the texts; of a file, and of standard input, each line that is not blank is one."""
    found: list[str] = []
    sources = read_sources(texts, AttentionInput(file=inputs.file, encoding=inputs.encoding))
    lines = [not texts or text == "-" for text in texts] or [True]
    for source, by_line in zip(sources, lines, strict=True):
        text = source.text or ""
        found += [line for line in text.splitlines() if line.strip()] if by_line else [text]
    if not found:
        raise InputError("There is no line with text to read.")
    return found


def _print_list(found: Heads, view_options: HeadsViewOptions, *, brief: bool) -> None:
    """Print the list; of more than 40 heads, where nobody said how many, the 20 that add most."""
    shown = found
    if view_options.top is None and len(found.rows) > MOST_WITHOUT_TOP:
        by = "likeness" if found.like is not None else "contribution" if found.known else "entropy"
        shown = found.sorted(view_options.sort or by, SHOWN)
        print_notes(
            [message("{shown} of {count} heads are listed; --top shows others.", shown=SHOWN, count=len(found.rows))]
        )
    digits = Presentation(view_options.precision)
    print_listing(prepare_heads(shown, digits, examples=view_options.example, brief=brief))


def _print_map(found: Heads, view_options: HeadsViewOptions, *, brief: bool) -> None:
    """Print the map of layers and heads."""
    from attnviz.views.terminal.table import render_table

    form = prepare_map(found, Presentation(view_options.precision), brief=brief)
    print_views(lambda screen: [render_table(form, Choice(), screen)])
