"""What run and export share: compute every attention first, then show and save, so that a bad text leaves nothing."""

from __future__ import annotations

import sys
from pathlib import Path

from attnviz.cli.options import Input, Looking
from attnviz.cli.printing import is_unicode, print_data, print_notes, print_tables
from attnviz.cli.reading import Source, read_sources
from attnviz.data import Attention
from attnviz.errors import OptionError, unknown_choice
from attnviz.export import FOR_ATTENTION, check_destination, numbered, save_attention
from attnviz.pipeline import Settings
from attnviz.pipeline import run as run_pipeline
from attnviz.render.prepare import SHOWS, choose_heads, prepare

WORD_DIGITS, MATRIX_DIGITS, REDONE_DIGITS = 3, 7, 4


def attend_all(
    texts: list[str], given: Input, settings: Settings, looking: Looking, files: list[Path]
) -> list[Attention]:
    """The attention of every text, once all that was asked for is known to be possible."""
    digits_for(looking)
    for name in looking.show:
        if name not in SHOWS:
            raise unknown_choice("--show", name, SHOWS)
    for path in files:
        check_destination(path, FOR_ATTENTION)
    found = [_attend(source, settings) for source in read_sources(texts, given)]
    for attention in found:
        choose_heads(attention, looking.head, looking.layer)
    print_notes({str(note): note for attention in found for note in attention.notes}.values())
    return found


def _attend(source: Source, settings: Settings) -> Attention:
    if source.vectors is not None:
        return run_pipeline(settings=settings, vectors=source.vectors, keys=source.keys)
    return run_pipeline(source.text, settings, keys=source.keys)


def digits_for(looking: Looking, attention: Attention | None = None) -> int:
    """Decimal places: as asked, else 7 for a matrix of numbers (someone checks arithmetic), 3 for words."""
    if looking.precision is not None:
        if not 1 <= looking.precision <= 9:
            raise OptionError("--precision must be from 1 to 9, not {value}.", value=looking.precision)
        return looking.precision
    return MATRIX_DIGITS if attention is not None and attention.settings["embedding"] == "vectors" else WORD_DIGITS


def digits_to_redo(looking: Looking, attention: Attention) -> int:
    """One more than a table has, so that the table's digits come out when a reader redoes them."""
    return max(digits_for(looking, attention), REDONE_DIGITS) if looking.precision is None else looking.precision


def save_all(found: list[Attention], files: list[Path], looking: Looking) -> None:
    """Write every file for every attention; say once what is lacking."""
    notes = {}
    for path in files:
        for index, attention in enumerate(found):
            place = numbered(path, index, len(found))
            digits = digits_for(looking, attention)
            for note in save_attention(attention, place, head=looking.head, layer=looking.layer, digits=digits):
                notes[str(note)] = note
    print_notes(notes.values())


def show_all(found: list[Attention], looking: Looking) -> None:
    """Print what --show names for every attention."""
    for attention in found:
        shown = choose_heads(attention, looking.head, looking.layer)
        for name in looking.show or ["weights"]:
            of = (
                choose_heads(attention, "all", looking.layer)
                if name in ("scores", "qkv") and not shown.traces
                else shown
            )
            print_tables(prepare(of, name, digits=digits_for(looking, attention)))


def print_json(documents: list[dict[str, object]]) -> None:
    """One document; an array of them for several texts."""
    from attnviz.storage import to_json

    print_data(to_json(documents if len(documents) > 1 else documents[0], ascii_only=not is_unicode(sys.stdout)))
