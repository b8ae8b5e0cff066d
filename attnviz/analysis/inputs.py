"""What an experiment is made on, and which head of it is shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from numpy.typing import ArrayLike

from attnviz.core.attention_data import Attention
from attnviz.core.errors import OptionError
from attnviz.core.selection import names_several, spell_choice
from attnviz.toy.settings import Settings
from attnviz.toy.words import WordFiles, Words, read_words

MOST_WORDS = 512


@dataclass(frozen=True, eq=False)
class Given:
    """What an experiment is made on: a text or vectors, and perhaps the words of a second text.

    word_files: the files of word vectors that its settings name, already read.
    """

    text: str | None = None
    keys: str | None = None
    vectors: str | Path | ArrayLike | None = None
    labels: str | Sequence[str] | None = None
    word_files: WordFiles = field(default_factory=dict)

    def words(self, settings: Settings) -> tuple[Words, Settings]:
        """Return the words under these settings, and the settings as they are then."""
        return read_words(
            self.text, settings, keys=self.keys, vectors=self.vectors, labels=self.labels, word_files=self.word_files
        )


def head_shown(attention: Attention, head: str | int | None) -> Attention:
    """Return the one head that is named, by its name or number; the mean of all where none is."""
    check_head(head)
    return attention.mean() if head in (None, "mean") else attention.select(head=head)


def check_head(head: str | int | None) -> None:
    """Raise OptionError for several heads, where there is room for one."""
    if names_several(head) if isinstance(head, str) else isinstance(head, Iterable):
        raise OptionError(
            "One head is shown here: --head takes a number, a name or mean, not {head}.", head=spell_choice(head)
        )
