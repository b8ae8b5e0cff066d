"""The languages of translators between many: NLLB's and mBART's tokens of them, and where their texts have them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from attnviz.core.errors import OptionError
from attnviz.i18n.messages import listed
from attnviz.models.tokenizers.classes import LANGUAGES, class_in_5

if TYPE_CHECKING:
    from pathlib import Path

    from attnviz.models.tokenizers.tokenizer import TextTokenizer

# A language and its country, as en_XX, or its script, as eng_Latn.
_CODE = re.compile(r"[a-z]{2}_[A-Z]{2}|[a-z]{3}_[A-Z][a-z]{3}")
# Codes that an error lists.
_MOST_LISTED = 24


@dataclass(frozen=True)
class LanguagePair:
    """The languages that a text and its translation are in, as the tokenizer's tokens; None: what its settings say."""

    source: str | None = None
    target: str | None = None


def check_languages(languages: LanguagePair, folder: Path, config: Mapping[str, Any], name: str) -> None:
    """Raise OptionError for a language that the tokenizer has no token of, and for a model that has none at all.

    folder: of the model, which messages call `name`; config: its config.
    """
    from attnviz.models.tokenizers.added_tokens import read_token_settings
    from attnviz.models.tokenizers.open import open_tokenizer

    known: list[str] = []
    if folder.is_dir() and class_in_5(config, read_token_settings(folder).values) in LANGUAGES:
        known = language_codes(open_tokenizer(folder, config))
    for option, given in (("--source-language", languages.source), ("--target-language", languages.target)):
        if given is None:
            continue
        if not known:
            raise OptionError(
                "{name} has no tokens of languages: {option} is for NLLB and mBART.",
                hint="Leave it out.",
                name=name,
                option=option,
            )
        if given not in known:
            raise OptionError(
                "{name} has no language {given!r}; it has {known}.",
                hint="Did you mean {near}?" if (near := _nearest(given, known)) else "",
                name=name,
                given=given,
                known=listed(known if len(known) <= _MOST_LISTED else [*known[:_MOST_LISTED], "…"]),
                near=near,
            )


def _nearest(given: str, known: list[str]) -> str:
    """Return the code that was most likely meant, "" for none: one that begins alike, or differs in few letters."""
    from difflib import get_close_matches

    wanted = given.lower()
    alike = [code for code in known if code.lower().startswith(wanted[:3]) or wanted == code[:2].lower()]
    by_letters = {code.lower(): code for code in known}
    near = get_close_matches(wanted, [code.lower() for code in alike] or list(by_letters), n=1, cutoff=0.5)
    return by_letters[near[0]] if near else next(iter(alike), "")


def language_codes(tokenizer: TextTokenizer) -> list[str]:
    """Return the tokens of languages that a tokenizer has, in the order of their names."""
    return sorted(piece for piece in tokenizer.added_pieces() if _CODE.fullmatch(piece))


def target_rules(
    language: str, config: Mapping[str, Any], tokenizer: TextTokenizer, settings: Mapping[str, Any]
) -> dict[str, int]:
    """Return the generation settings by which a decoder writes in a language.

    mBART's text begins with its token; NLLB's and mBART-50's with the start token and then that of the language.
    """
    number = tokenizer.id_of(language)
    assert number is not None  # see check_languages
    before = LANGUAGES[class_in_5(config, settings) or ""][1]
    return {"forced_bos_token_id": number} if before else {"decoder_start_token_id": number}
