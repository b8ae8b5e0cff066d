"""What an experiment is made on, and which heads of it are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from numpy.typing import ArrayLike

from attnviz.core.attention_data import Attention
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


def heads_shown(attention: Attention, head: str | None) -> Attention:
    """Return the heads that a text names, as 1, 0,2-4 or all; where it names none, or mean, the mean of all as one."""
    return attention.mean() if head in (None, "mean") else attention.select(head=head)
