"""Names of tokens that are entries of a vocabulary, read back into the text that they stand for.

Byte-level vocabularies (GPT-2, Radford et al. 2019, section 2.2) write each byte as one of 256 letters, so that 你好
is ä½łå¥½ and a space Ġ; SentencePiece (Kudo and Richardson 2018, section 3.2) writes a space as ▁ and a byte as <0xE4>;
WordPiece marks what continues a word with ##; others mark where a word ends with </w>, or does not, with @@.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

from attnviz.i18n.messages import Message, message

Span = tuple[int, int]

_SPECIAL = re.compile(
    r"\[(?:CLS|SEP|PAD|BOS|EOS|gMASK)\]|</?s>|<(?:pad|bos|eos|cls|sep|sop|eop|eod)>|<\|[^<>\s]+\|>|<[｜][^<>]*[｜]>"
    r"|<(?:start|end)_of_turn>"
)
_PADDING = re.compile(
    r"\[PAD\]|<pad>|<\|(?:pad|padding|finetune_right_pad_id|vision_pad)\|>|<[｜]▁pad▁[｜]>", re.IGNORECASE
)
_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_SPACES = "ĠĊĉč"  # space, line feed, tab, carriage return
_INNER_SPACE = re.compile(f"[^{_SPACES}]Ġ")  # a space begins a piece of a byte-level vocabulary


class ReadPieces(NamedTuple):
    """The text that pieces stand for, and the span of each in it; None for a special token.

    note: says what the names were read as.
    """

    source: str
    spans: tuple[Span | None, ...]
    note: Message


def is_known_special(name: str) -> bool:
    """Return whether this is one of the well-known forms of tokens that a model adds to a text, as [CLS] and <s>."""
    return _SPECIAL.fullmatch(name) is not None


def is_padding(name: str) -> bool:
    """Return whether this is one of the well-known forms of padding, as [PAD] and <pad>."""
    return _PADDING.fullmatch(name) is not None


def read_pieces(names: Sequence[str | bytes], special: Sequence[bool]) -> ReadPieces | None:
    """Return the text of pieces of a vocabulary; None where the names, all together, are no pieces.

    special: which of them stand for no text.

    >>> read_pieces(["ä½łå¥½", "Ġcat"], [False, False]).source
    '你好 cat'
    """
    words = [name for name, alone in zip(names, special, strict=True) if not alone]
    for bytes_of, note in _KINDS:
        found = bytes_of(words)
        if found is not None:
            return _place(found, special, note)
    return None


def _byte_level(words: Sequence[str | bytes]) -> list[bytes] | None:
    """Return the bytes of words in GPT-2's alphabet, if they are: they decode, and spaces stand where they would."""
    if any(isinstance(word, bytes) for word in words):
        return [word if isinstance(word, bytes) else word.encode() for word in words]
    return _decoded_letters([word for word in words if isinstance(word, str)])


def _decoded_letters(words: Sequence[str]) -> list[bytes] | None:
    """Return the bytes of names in GPT-2's alphabet; None for other names."""
    alphabet = byte_letters()
    if not all(letter in alphabet for word in words for letter in word):
        return None
    spaced = sum(word[:1] in _SPACES for word in words if word)
    wide = any(letter > "~" and letter not in _SPACES for word in words for letter in word)
    bare = sum(word[:1].isascii() and word[:1].isalpha() for word in words[1:])
    if not wide and 3 * spaced <= bare:
        return None
    if any(_INNER_SPACE.search(word) for word in words):
        return None
    found = [bytes(alphabet[letter] for letter in word) for word in words]
    text, broken = _decode(b"".join(found))
    controls = any(unicodedata.category(letter) == "Cc" and letter not in "\t\n\r" for letter in text)
    return None if broken or controls else found


def _sentencepiece(words: Sequence[str | bytes]) -> list[bytes] | None:
    names = [word for word in words if isinstance(word, str)]
    marked = any(name.startswith("▁") for name in names)
    if not marked and not (names and sum(_BYTE.fullmatch(name) is not None for name in names) >= 2):
        return None
    return [
        bytes([int(byte[1], 16)]) if (byte := _BYTE.fullmatch(name)) else name.replace("▁", " ").encode()
        for name in names
    ]


def _word_piece(words: Sequence[str | bytes]) -> list[bytes] | None:
    names = [word for word in words if isinstance(word, str)]
    if not any(name.startswith("##") and len(name) > 2 for name in names[1:]):
        return None
    return _spaced([(name[2:], False) if name.startswith("##") and name != "##" else (name, True) for name in names])


def _word_ends(words: Sequence[str | bytes]) -> list[bytes] | None:
    names = [word for word in words if isinstance(word, str)]
    if any(name.endswith("</w>") for name in names):
        bare = [name.removesuffix("</w>") for name in names]
        ends = [b" " if name.endswith("</w>") else b"" for name in names]
        letters = _byte_level(bare) if any(letter > "~" for name in bare for letter in name) else None
        found = letters or [name.encode() for name in bare]
        return [each + end for each, end in zip(found, ends, strict=True)]
    if any(name.endswith("@@") and len(name) > 2 for name in names[:-1]):
        return [name[:-2].encode() if name.endswith("@@") else f"{name} ".encode() for name in names]
    return None


_KINDS: tuple[tuple[Callable[[Sequence[str | bytes]], list[bytes] | None], Message], ...] = (
    (_word_ends, message("The names were read as pieces of a vocabulary that marks the ends of words (</w> or @@).")),
    (_sentencepiece, message("The names were read as pieces of a SentencePiece vocabulary (▁ is a space).")),
    (_word_piece, message("The names were read as pieces of a WordPiece vocabulary (## continues a word).")),
    (_byte_level, message("The names were read as pieces of a byte-level vocabulary (Ġ is a space).")),
)


def place_words(names: Sequence[str], special: Sequence[bool]) -> tuple[str, tuple[Span | None, ...]]:
    """Return plain words as a text, with spaces but between Han characters, and the span of each in it.

    >>> place_words(["[CLS]", "猫", "eats"], [True, False, False])
    ('猫 eats', (None, (0, 1), (2, 6)))
    """
    parts = _spaced([(name, True) for name, alone in zip(names, special, strict=True) if not alone])
    found = _place(parts, special, message(""))
    return found.source, found.spans


def _spaced(words: Sequence[tuple[str, bool]]) -> list[bytes]:
    """Return words as bytes, with a space before each that begins one, but not between Han characters."""
    found, before = [], ""
    for word, begins in words:
        close = not before or (_is_han(before) and _is_han(word[:1]))
        found.append((word if close or not begins else f" {word}").encode("utf-8", "surrogatepass"))
        before = word[-1:] or before
    return found


def _is_han(letter: str) -> bool:
    return "\u3000" <= letter <= "\u9fff" or "\uf900" <= letter <= "\ufaff" or letter >= "\U00020000"


def _place(parts: Sequence[bytes], special: Sequence[bool], note: Message) -> ReadPieces:
    """Decode the parts together, and give each the span of the characters that it has bytes of, without white space."""
    whole = b"".join(parts)
    text, _ = _decode(whole)
    of_byte = [number for number, letter in enumerate(text) for _ in letter.encode("utf-8", "surrogatepass")]
    of_byte = of_byte if len(of_byte) == len(whole) else _slow_places(whole)
    spans: list[Span] = []
    at = 0
    for part in parts:
        end = at + len(part)
        if part:
            spans.append(_trimmed(text, of_byte[at], of_byte[end - 1] + 1))
        else:
            here = of_byte[at] if at < len(of_byte) else len(text)
            spans.append((here, here))
        at = end
    first = min((start for start, _ in spans), default=0)
    lead = 1 if text.startswith(" ") and first > 0 else 0  # SentencePiece's own space before a text
    kept = text[lead:].rstrip(" ") if all(end <= len(text.rstrip(" ")) for _, end in spans) else text[lead:]
    placed = iter(spans)
    return ReadPieces(kept, tuple(None if alone else _shifted(next(placed), lead) for alone in special), note)


def _shifted(span: Span, lead: int) -> Span:
    return max(span[0] - lead, 0), max(span[1] - lead, 0)


def _trimmed(text: str, start: int, end: int) -> Span:
    """Return the span without the white space around it, unless it is nothing else."""
    inside = text[start:end]
    if inside.strip():
        start += len(inside) - len(inside.lstrip())
        end -= len(inside) - len(inside.rstrip())
    return start, end


def _decode(data: bytes) -> tuple[str, bool]:
    """Return the bytes as text, with U+FFFD for what is none, and whether anything but an unfinished end is none."""
    try:
        return data.decode(), False
    except UnicodeDecodeError as error:
        unfinished = error.reason == "unexpected end of data" and error.end == len(data)
        return data.decode("utf-8", "replace"), not unfinished


def _slow_places(whole: bytes) -> list[int]:
    """Return the number of the character that each byte belongs to, where some bytes are no text."""
    found: list[int] = []
    for end in range(1, len(whole) + 1):
        found.append(max(len(whole[:end].decode("utf-8", "replace")) - 1, 0))
    return found


@cache
def byte_letters() -> dict[str, int]:
    """Return the byte that each letter of GPT-2's alphabet stands for: itself, if printable, others from U+0100 on.

    >>> byte_letters()["Ġ"], byte_letters()["a"]
    (32, 97)
    """
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + i): byte for i, byte in enumerate(others)}


def find_in_text(pieces: Sequence[str | None], text: str) -> tuple[Span | None, ...]:
    """Return where each piece stands in `text`, in order; None for a special token, which is given as None.

    Case, marks and compatibility forms may differ. What is not found has the text between its neighbours.
    """
    letters, origins = _plain_letters(text)
    found: list[Span | None] = []
    at = 0
    for piece in pieces:
        wanted = "" if piece is None else _plain_letters(piece)[0]
        place = letters.find(wanted, at) if wanted else -1
        if place < 0:
            found.append(None)
            continue
        at = place + len(wanted)
        found.append((origins[place], origins[at - 1] + 1))
    return _fill(found, pieces, text)


def _fill(found: list[Span | None], pieces: Sequence[str | None], text: str) -> tuple[Span | None, ...]:
    """Give pieces that were not found the text between their neighbours."""
    filled = list(found)
    lost = [index for index, span in enumerate(found) if span is None and pieces[index] is not None]
    for index in lost:
        if filled[index] is not None:
            continue
        start = max((one[1] for one in found[:index] if one is not None), default=0)
        end = next((one[0] for one in found[index:] if one is not None), len(text))
        run = [other for other in lost if other >= index and not any(found[index:other])]
        for other, span in zip(run, _shares(text, start, max(end, start), len(run)), strict=True):
            filled[other] = span
    return tuple(filled)


def _shares(text: str, start: int, end: int, count: int) -> list[Span]:
    """Return the words between two places, or the characters, where there are `count`; else the whole for each."""
    for pattern in (r"\S+", r"\S"):
        parts = [(start + part.start(), start + part.end()) for part in re.finditer(pattern, text[start:end])]
        if len(parts) == count:
            return parts
    return [_trimmed(text, start, end)] * count


def _plain_letters(text: str) -> tuple[str, list[int]]:
    """Return the letters without case, marks and white space, and the place of each in the text."""
    letters, origins = [], []
    for place, letter in enumerate(text):
        for plain in unicodedata.normalize("NFKD", letter).casefold():
            if not plain.isspace() and not unicodedata.combining(plain):
                letters.append(plain)
                origins.append(place)
    return "".join(letters), origins
