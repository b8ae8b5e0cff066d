"""Tokens that stand beside a vocabulary: added_tokens.json, added_tokens_decoder, and special tokens by name.

A text is searched for them before it is cut, and each has flags: special; lstrip and rstrip, whether it takes the white
space before or after it; single_word, whether it must stand by itself; normalized, whether it is searched for in the
normalized text. They are read in the order and with the precedence of transformers 5 (tokenization_utils_base.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from attnviz.core.errors import InputError
from attnviz.core.read_file import is_file
from attnviz.models.formats.files import read_json

if TYPE_CHECKING:
    from tokenizers import AddedToken, Tokenizer

NAMED = ("bos", "eos", "unk", "sep", "pad", "cls", "mask")
FLAGS = ("special", "lstrip", "rstrip", "single_word", "normalized")
_LISTED, _DECODER, _CONFIG, _MAP = (
    "added_tokens.json",
    "added_tokens_decoder",
    "tokenizer_config.json",
    "special_tokens_map.json",
)
_ADDITIONAL = "additional_special_tokens"
_MOST = 2**31


class ListedToken(NamedTuple):
    """A token as a file lists it: its text, its flags where they are given, and its id where it has one."""

    text: str
    flags: Mapping[str, bool] = MappingProxyType({})
    id: int | None = None

    def made(self, **others: bool) -> AddedToken:
        """Return it for the tokenizers package; others: flags in place of those that are not given."""
        from tokenizers import AddedToken

        return AddedToken(self.text, **{**others, **self.flags})


class TokenSettings(NamedTuple):
    """A folder's settings of its tokenizer: tokenizer_config.json, and special_tokens_map.json where that counts.

    values: by their names. listed: the tokens of added_tokens_decoder, or else of added_tokens.json, by ascending ids.
    """

    values: Mapping[str, Any]
    listed: tuple[ListedToken, ...] = ()

    def named(self) -> Iterator[tuple[str, ListedToken]]:
        """Yield the special tokens that have a name, as bos and its token."""
        for name in NAMED:
            token = _token_of(self.values.get(f"{name}_token"))
            if token is not None:
                yield name, token

    def extra(self) -> list[ListedToken]:
        """Return the special tokens that have no name."""
        return _extra_tokens(self.values)


def read_token_settings(folder: Path) -> TokenSettings:
    """Read a folder's settings and lists of tokens; raises InputError for an id or an entry that is none."""
    config, mapped = ({} if not is_file(folder / name) else read_json(folder / name) for name in (_CONFIG, _MAP))
    decoder = config.get(_DECODER)
    if isinstance(decoder, Mapping):
        return TokenSettings({**mapped, **config}, tuple(_by_id(_of_decoder(decoder, folder / _CONFIG))))
    listed = read_json(folder / _LISTED) if is_file(folder / _LISTED) else {}
    extra = [*_names(config), *_names({**mapped, _ADDITIONAL: None})]
    others = [one for one in _names({_ADDITIONAL: mapped.get(_ADDITIONAL)}) if not _is_listed(one, listed)]
    values = {**config, **mapped, "extra_special_tokens": extra, _ADDITIONAL: None}
    known = TokenSettings(values)
    special = {token.text for _, token in known.named()} | {token.text for token in known.extra()}
    tokens = [
        ListedToken(
            text,
            {"special": text in special, "normalized": text not in special},
            checked_id(number, text, folder / _LISTED),
        )
        for text, number in listed.items()
    ]
    return TokenSettings({**values, "extra_special_tokens": [*extra, *others]}, tuple(_by_id(tokens)))


def _names(values: Mapping[str, Any]) -> list[Any]:
    """Return the special tokens without a name as the file has them, strings or objects."""
    for key in ("extra_special_tokens", _ADDITIONAL):
        found = values.get(key)
        if found:
            return (
                list(found.values()) if isinstance(found, Mapping) else list(found) if isinstance(found, list) else []
            )
    return []


def _is_listed(entry: Any, listed: Mapping[str, Any]) -> bool:
    token = _token_of(entry)
    return token is not None and token.text in listed


def _extra_tokens(values: Mapping[str, Any]) -> list[ListedToken]:
    return [token for token in map(_token_of, _names(values)) if token is not None]


def _token_of(entry: Any) -> ListedToken | None:
    """Return a token that a file gives as a string or as an object; None for anything else."""
    if isinstance(entry, str):
        return ListedToken(entry) if entry else None
    if not isinstance(entry, Mapping) or not isinstance(entry.get("content"), str) or not entry["content"]:
        return None
    flags = {name: entry[name] for name in FLAGS if isinstance(entry.get(name), bool)}
    return ListedToken(entry["content"], flags)


def _of_decoder(decoder: Mapping[str, Any], path: Path) -> Iterator[ListedToken]:
    for number, entry in decoder.items():
        token = _token_of(entry)
        if token is None:
            raise InputError(
                "{path!r} lists the token {number} without its text in added_tokens_decoder.",
                path=str(path),
                number=number,
            )
        known = int(number) if number.isdecimal() and number.isascii() and len(number) <= 10 else number
        yield ListedToken(token.text, token.flags, checked_id(known, token.text, path))


def checked_id(number: object, piece: str, path: Path) -> int:
    """Return a token's id; raises InputError where the file gives none."""
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < _MOST:
        raise InputError(
            "{path!r} gives {piece!r} the number {number!r}; a whole number from 0 was expected.",
            path=str(path),
            piece=piece,
            number=number,
        )
    return number


def _by_id(tokens: Iterable[ListedToken]) -> list[ListedToken]:
    return sorted(tokens, key=lambda token: token.id or 0)


def add_tokens(tokenizer: Tokenizer, settings: TokenSettings) -> None:
    """Add a folder's listed tokens to its tokenizer: by ascending ids, then special ones that it does not have yet.

    A token that the vocabulary has keeps its id; a new one takes the next id, as in transformers.
    """
    names = {token.text for _, token in settings.named()}
    made = [token.made(**({"special": True} if token.text in names else {})) for token in settings.listed]
    known = {token.content for token in tokenizer.get_added_tokens_decoder().values()} | {one.content for one in made}
    for token in (*(token for _, token in settings.named()), *settings.extra()):
        if token.text not in known:
            made.append(token.made(special=True))
            known.add(token.text)
    if made:
        tokenizer.add_tokens(made)
    late = [token.made(special=True, normalized=False) for _, token in settings.named()]
    tokenizer.add_special_tokens([*late, *(token.made(special=True, normalized=False) for token in settings.extra())])
