"""Tokens that stand beside a vocabulary: added_tokens.json, added_tokens_decoder, and special tokens by name.

A text is searched for them before it is cut, and each has flags: special; lstrip and rstrip, whether it takes the white
space before or after it; single_word, whether it must stand by itself; normalized, whether it is searched for in the
normalized text. They are read in the order and with the precedence of transformers 5 (tokenization_utils_base.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from attnviz.core.errors import InputError
from attnviz.models.formats.files import read_side_json, too_many_names

if TYPE_CHECKING:
    from tokenizers import AddedToken, Tokenizer

_USUAL = tuple(f"{name}_token" for name in ("bos", "eos", "unk", "sep", "pad", "cls", "mask"))
FLAGS = ("special", "lstrip", "rstrip", "single_word", "normalized")
_LISTED, _DECODER, _CONFIG, _MAP = (
    "added_tokens.json",
    "added_tokens_decoder",
    "tokenizer_config.json",
    "special_tokens_map.json",
)
# The setting with which special tokens in a text are cut like other words.
SPLIT_SPECIAL = "split_special_tokens"
_ADDITIONAL, _EXTRA = "additional_special_tokens", "extra_special_tokens"
_MOST = 2**31
MOST_ADDED = 2**17  # tokens beside a vocabulary: Llasa adds 65,544 for speech

# How a class adds special tokens once more, after all others: without flags, or as the settings give them.
Again = Literal["plain", "given"]


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
        """Yield the special tokens that have a name, as bos_token and its token: the usual ones, then a model's own."""
        extra = self.values.get(_EXTRA)
        own = extra if isinstance(extra, Mapping) else {}
        others = (name for name in self.values if name.endswith("_token") and name not in _USUAL)
        for name in dict.fromkeys((*_USUAL, *others, *own)):
            token = _token_of(own[name] if name in own else self.values.get(name))
            if token is not None:
                yield name, token

    def extra(self) -> list[ListedToken]:
        """Return the special tokens that have no name."""
        return [token for token in map(_token_of, _unnamed(self.values)) if token is not None]


def read_token_settings(folder: Path) -> TokenSettings:
    """Read a folder's settings and lists of tokens; raises InputError for an id or an entry that is none."""
    config, mapped = (read_side_json(folder / name) or {} for name in (_CONFIG, _MAP))
    for values, name in ((config, _CONFIG), (mapped, _MAP)):
        for key in (_DECODER, _EXTRA, _ADDITIONAL):
            _check_count(values.get(key), folder / name)
    decoder = config.get(_DECODER)
    if isinstance(decoder, Mapping):  # special_tokens_map.json then counts for nothing
        return TokenSettings(config, tuple(_by_id(_of_decoder(decoder, folder / _CONFIG))))
    settings = TokenSettings(_merged(config, mapped))
    special = _special_texts(config, mapped)
    listed = read_side_json(folder / _LISTED) or {}
    _check_count(listed, folder / _LISTED)
    tokens = [
        ListedToken(
            text,
            {"special": text in special, "normalized": text not in special},
            checked_id(number, text, folder / _LISTED),
        )
        for text, number in listed.items()
    ]
    return settings._replace(listed=tuple(_by_id(tokens)))


def _check_count(tokens: object, path: Path) -> None:
    """Raise InputError for more added tokens than any model has: each costs time whenever the model is opened."""
    if isinstance(tokens, Mapping | list) and len(tokens) > MOST_ADDED:
        raise too_many_names(str(path), MOST_ADDED)


def _merged(config: Mapping[str, Any], mapped: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of both files: the map's before the config's, but its list of tokens after the config's."""
    found = {**config, **mapped, _ADDITIONAL: None}
    extra = mapped.get(_EXTRA)
    own = {**_mapping(config.get(_EXTRA)), **_mapping(extra)}
    unnamed = [*_unnamed(config), *(extra if isinstance(extra, list) else ())]
    return {**found, _EXTRA: own, _ADDITIONAL: unnamed or mapped.get(_ADDITIONAL)}


def _special_texts(config: Mapping[str, Any], mapped: Mapping[str, Any]) -> set[str]:
    """Return the texts of the special tokens that make a token of added_tokens.json a special one.

    A token that tokenizer_config.json gives as an object does not, for transformers compares it before it is read.
    """
    extra = mapped.get(_EXTRA)
    entries: list[Any] = [mapped[name] if name in mapped else config.get(name) for name in _USUAL]
    entries = [one for name, one in zip(_USUAL, entries, strict=True) if name in mapped or isinstance(one, str)]
    entries += [one for one in _unnamed(config) if isinstance(one, str)] + (extra if isinstance(extra, list) else [])
    return {token.text for token in map(_token_of, entries) if token is not None}


def _unnamed(values: Mapping[str, Any]) -> list[Any]:
    """Return the special tokens without a name as the file has them, strings or objects."""
    for key in (_EXTRA, _ADDITIONAL):
        found = values.get(key)
        if found and isinstance(found, list):
            return found
    return []


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


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


def add_tokens(
    tokenizer: Tokenizer, settings: TokenSettings, defaults: Iterable[ListedToken] = (), *, again: Again | None = None
) -> None:
    """Add a folder's listed tokens to its tokenizer: by ascending ids, then special ones that it does not have yet.

    A token that the vocabulary has keeps its id; a new one takes the next id, as in transformers. The first place that
    names a token gives its flags: added_tokens_decoder, the tokenizer's own tokens, added_tokens.json, the settings,
    and last defaults, the tokens that its kind has without being told. again: how special tokens are added once more.
    """
    named, extra = dict(settings.named()), settings.extra()
    names = {token.text for token in named.values()}
    known = {token.content for token in tokenizer.get_added_tokens_decoder().values()}
    overrides = isinstance(settings.values.get(_DECODER), Mapping)
    listed = [token for token in settings.listed if overrides or token.text not in known]
    made = [(_as_special(token) if token.text in names else token).made() for token in listed]
    known.update(token.text for token in listed)
    for token in (*map(_as_special, named.values()), *extra, *defaults):
        if token.text not in known:
            made.append(token.made(special=True))
            known.add(token.text)
    if again == "plain":
        made += [ListedToken(token.text).made(special=True) for token in (*named.values(), *extra)]
    elif again == "given":
        own = (token for name, token in named.items() if name not in _USUAL)
        made += [token.made(special=True) for token in (*own, *extra)]
    if made:
        tokenizer.add_tokens(made)
    if settings.values.get(SPLIT_SPECIAL) is True:
        tokenizer.encode_special_tokens = True


def _as_special(token: ListedToken) -> ListedToken:
    return token._replace(flags={**token.flags, "special": True})
