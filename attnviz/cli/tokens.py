"""`attnviz tokens`: how a text is cut."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from attnviz.api.look import Look
from attnviz.api.save import FOR_TOKENS
from attnviz.api.tokens import tokenize_text
from attnviz.api.toy_or_model import choose_one
from attnviz.api.write import check_destination, numbered
from attnviz.cli.common import print_json, save_files
from attnviz.cli.options import AttentionInput, FileInput, OutputOptions, VerboseOption
from attnviz.cli.printing import print_notes, print_views
from attnviz.cli.sources import read_sources
from attnviz.cli.unused_options import Outputs
from attnviz.models.options import Options
from attnviz.toy.settings import Settings

Texts = Annotated[
    list[str] | None,
    typer.Argument(metavar="[TEXT]...", help="One or several texts; - is standard input.", show_default=False),
]


@dataclass(frozen=True)
class CutOptions:
    """How the toy cuts a text."""

    tokens: str = "auto"
    embedding: str = "toy"
    lexicon: tuple[str, ...] = ()


@dataclass(frozen=True)
class TokenizerOptions:
    """Which model cuts a text, and what is shown of its pieces."""

    model: str | None = None
    download: bool = False
    pair: str | None = None
    merge: str = "char"
    words: str | None = None
    chat: bool = False
    chat_template: str | None = None
    no_special: bool = False
    source_language: str | None = None


def command(
    inputs: FileInput,
    cut_options: CutOptions,
    tokenizer_options: TokenizerOptions,
    output: OutputOptions,
    verbose_option: VerboseOption,
    texts: Texts = None,
) -> None:
    """Show how a text is cut: tokens, pieces, ids and spans, by the toy or by a model."""
    Outputs(view=None if output.json else "auto").refuse_unused(verbose_option)
    for path in output.save:
        check_destination(path, FOR_TOKENS)
    chosen = choose_one(Settings(**asdict(cut_options)), Options(**asdict(tokenizer_options)))
    sources = read_sources(texts or [], AttentionInput(inputs.file, encoding=inputs.encoding))
    found = [tokenize_text(source.text or "", chosen) for source in sources]
    print_notes({str(note): note for one in found for note in one.notes}.values())
    for i, one in enumerate(found):
        save_files(one, [numbered(path, i, len(found)) for path in output.save], Look())
    if output.json:
        from attnviz.io.write_data import tokens_document

        print_json([tokens_document(one) for one in found])
        return
    from attnviz.views.prepared.tokens import prepare_tokens
    from attnviz.views.terminal.tokens import render_tokens

    brief = not verbose_option.verbose
    print_views(lambda screen: [render_tokens(prepare_tokens(one, brief=brief), screen) for one in found])
