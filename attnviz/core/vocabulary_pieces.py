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
_EDGES = re.compile(rb"\A[\x80-\xbf]{1,3}|[\xc0-\xff][\x80-\xbf]{0,2}\Z")  # parts of characters that a cut leaves
_OPEN_END = re.compile(rb"(?:[\xc2-\xdf]|[\xe0-\xef][\x80-\xbf]?|[\xf0-\xf4][\x80-\xbf]{0,2})\Z")
# A character of UTF-8 (Unicode 16, table 3-7), or the longest beginning of one, else a byte.
_CHARACTER = re.compile(
    rb"[\x00-\x7f]|[\xc2-\xdf][\x80-\xbf]"
    rb"|(?:\xe0[\xa0-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]|\xed[\x80-\x9f])[\x80-\xbf]?"
    rb"|(?:\xf0[\x90-\xbf]|[\xf1-\xf3][\x80-\xbf]|\xf4[\x80-\x8f])[\x80-\xbf]{0,2}|.",
    re.DOTALL,
)


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


def read_pieces(
    names: Sequence[str | bytes], special: Sequence[bool], *, are_entries: bool = False
) -> ReadPieces | None:
    """Return the text of pieces of a vocabulary; None where the names, all together, are no pieces.

    special: which of them stand for no text. are_entries: whether they are entries of a vocabulary for sure, so that
    single characters follow each other without spaces. The alphabet whose mark most names carry decides; a name that is
    none of its pieces stays as it is.

    >>> read_pieces(["ä½łå¥½", "Ġcat"], [False, False]).source
    '你好 cat'
    """
    words = [name for name, alone in zip(names, special, strict=True) if not alone]
    for count_marks, bytes_of, note in sorted(_KINDS, key=lambda kind: -kind[0](words)):
        found = bytes_of(words) if count_marks(words) or bytes_of is _byte_level or bytes_of is _sentencepiece else None
        if found is not None:
            return _place(found, special, note)
    letters = _strings(words)
    if len(letters) == len(words) > 0 and all(len(letter) == 1 for letter in letters):
        return _read_characters(letters, special, are_entries=are_entries)
    return None


def _read_characters(letters: Sequence[str], special: Sequence[bool], *, are_entries: bool) -> ReadPieces | None:
    """Return the text of single characters, as CANINE's entries are, or of bytes, as those of ByT5 and Perceiver.

    A byte is the character of its number (Xue et al. 2022, ByT5, section 3.1); they are bytes where they decode to
    characters beyond ASCII.
    """
    try:
        data = "".join(letters).encode("latin-1")
        if not data.isascii() and data.decode("utf-8"):
            note = message("The names were read as the bytes of a text, one each (as ByT5's are).")
            return _place([letter.encode("latin-1") for letter in letters], special, note)
    except UnicodeError:
        pass
    if not are_entries:
        return None
    note = message("The names were read as the characters of a text, one each.")
    return _place([letter.encode("utf-8", "surrogatepass") for letter in letters], special, note)


def _strings(words: Sequence[str | bytes]) -> list[str]:
    return [word for word in words if isinstance(word, str)]


def _byte_level(words: Sequence[str | bytes]) -> list[bytes] | None:
    """Return the bytes of words in GPT-2's alphabet, if most are: they decode, and spaces stand where they would."""
    if any(isinstance(word, bytes) for word in words):
        return [word if isinstance(word, bytes) else word.encode() for word in words]
    return _decoded_letters(_strings(words))


def _decoded_letters(words: Sequence[str], *, marked: bool = False) -> list[bytes] | None:
    """Return the bytes of names in GPT-2's alphabet; None where they are more likely plain words.

    marked: whether another mark shows that they are pieces, so that a tie is enough.

    A name with other letters keeps them. For pieces speak spaces at the beginning of names and letters that decode to
    others than ASCII; against them names that no piece can be, and, without any space, bytes that do not decode.
    """
    alphabet = byte_letters()
    found, foreign, against = [], [], 0
    for word in words:
        own = all(letter in alphabet for letter in word)
        found.append(bytes(map(alphabet.__getitem__, word)) if own else word.encode("utf-8", "surrogatepass"))
        foreign.append(not own)
        against += _is_no_piece(word, found[-1]) if own else any(map(_is_latin, word))
    spaced = _count_spaced(words)
    characters, broken = _count_decoded([None if alone else data for data, alone in zip(found, foreign, strict=True)])
    bare = sum(word[:1].isascii() and word[:1].isalpha() for word in words[1:])
    if not characters and 3 * spaced <= bare:
        return None
    return found if against + (0 if spaced else broken) < spaced + characters + marked else None


def _is_no_piece(name: str, data: bytes) -> bool:
    """Return whether no byte-level vocabulary cuts so: a space, a control or a broken character inside the name."""
    if _INNER_SPACE.search(name):
        return True
    inside = _EDGES.sub(b"", data).decode("utf-8", "replace")
    strange = "\ufffd" in inside and len(data) > 1
    return strange or (len(name) > 1 and any(unicodedata.category(each) == "Cc" for each in inside.strip("\t\n\r")))


def _is_latin(letter: str) -> bool:
    return letter > "~" and unicodedata.name(letter, "").startswith("LATIN")


def _count_spaced(words: Sequence[str | bytes]) -> int:
    """Return how many names begin with a space or a tab of a byte-level vocabulary, or are all white space."""
    return sum(word[:1] in ("Ġ", "ĉ") or not word.strip(_SPACES) for word in _strings(words) if word)


def _count_decoded(parts: Sequence[bytes | None]) -> tuple[int, int]:
    """Return how many characters beyond ASCII the parts decode to, and how many bytes between them decode to none.

    None stands for a name of other letters. A character that the last part only begins is not counted as broken.
    """
    data = b"".join(b"\n" if part is None else part for part in parts)
    text = _OPEN_END.sub(b"", data).decode("utf-8", "replace")
    broken = text.count("\ufffd")
    return sum(letter > "~" and letter.isprintable() for letter in text) - broken, broken


def _sentencepiece(words: Sequence[str | bytes]) -> list[bytes] | None:
    names = _strings(words)
    marked = any(name.startswith("▁") for name in names)
    if not marked and not (names and sum(_BYTE.fullmatch(name) is not None for name in names) >= 2):
        return None
    return [
        bytes([int(byte[1], 16)])
        if (byte := _BYTE.fullmatch(name))
        else name.replace("▁", " ").encode("utf-8", "surrogatepass")
        for name in names
    ]


def _word_piece(words: Sequence[str | bytes]) -> list[bytes] | None:
    names = _strings(words)
    if not any(map(_continues, names[1:])):
        return None
    return _spaced([(name[2:], False) if name.startswith("##") and name != "##" else (name, True) for name in names])


def _continues(name: str) -> bool:
    """Return whether this is a piece of WordPiece that continues a word, and no line of # alone."""
    return name.startswith("##") and bool(name.strip("#"))


def _word_ends(words: Sequence[str | bytes]) -> list[bytes] | None:
    names = _strings(words)
    if any(name.endswith("</w>") for name in names):
        bare = [name.removesuffix("</w>") for name in names]
        ends = [b" " if name.endswith("</w>") else b"" for name in names]
        letters = _decoded_letters(bare, marked=True) if any(letter > "~" for name in bare for letter in name) else None
        found = letters or [name.encode("utf-8", "surrogatepass") for name in bare]
        return [each + end for each, end in zip(found, ends, strict=True)]
    if any(name.endswith("@@") and len(name) > 2 for name in names[:-1]):
        kept = [(name[:-2], "") if name.endswith("@@") else (name, " ") for name in names]
        return [f"{name}{end}".encode("utf-8", "surrogatepass") for name, end in kept]
    return None


_Words = Sequence[str | bytes]
# How often the mark of an alphabet stands in the names; how they are read; what is said of it.
_KINDS: tuple[tuple[Callable[[_Words], int], Callable[[_Words], list[bytes] | None], Message], ...] = (
    (
        lambda words: sum(name.endswith(("</w>", "@@")) for name in _strings(words)),
        _word_ends,
        message("The names were read as pieces of a vocabulary that marks the ends of words (</w> or @@)."),
    ),
    (
        lambda words: sum(name.startswith("▁") for name in _strings(words)),
        _sentencepiece,
        message("The names were read as pieces of a SentencePiece vocabulary (▁ is a space)."),
    ),
    (
        lambda words: sum(map(_continues, _strings(words))),
        _word_piece,
        message("The names were read as pieces of a WordPiece vocabulary (## continues a word)."),
    ),
    (_count_spaced, _byte_level, message("The names were read as pieces of a byte-level vocabulary (Ġ is a space).")),
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
    text = whole.decode("utf-8", "replace")
    of_byte = [number for number, found in enumerate(_CHARACTER.finditer(whole)) for _ in found[0]]
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


@cache
def byte_letters() -> dict[str, int]:
    """Return the byte that each letter of GPT-2's alphabet stands for: itself, if printable, others from U+0100 on.

    >>> byte_letters()["Ġ"], byte_letters()["a"]
    (32, 97)
    """
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + i): byte for i, byte in enumerate(others)}


def find_in_text(wanted: Sequence[str], spans: Sequence[Span | None], text: str) -> tuple[Span | None, ...]:
    """Return where each token stands in `text`, in order; None for a special token, whose span is None.

    wanted: what to search of each, whose case, marks and compatibility forms may differ; an empty string for a space.
    spans: where they stand in the text that the pieces make: those that overlap are parts of one character, and are
    found at one place. What is not found has the text between its neighbours, a space the place before the next token.
    """
    letters, origins = _plain_letters(text)
    found: list[Span | None] = []
    at = place = end = 0
    for piece, span in zip(wanted, spans, strict=True):
        plain = _plain_letters(piece)[0] if span is not None else ""
        here = letters.find(plain, place if span is not None and span[0] < end else at) if plain else -1
        if here < 0:
            found.append(None)
            continue
        place, at, end = here, here + len(plain), span[1] if span is not None else 0
        found.append((origins[place], origins[at - 1] + 1))
    return _fill(
        found, [span is not None and bool(piece) for piece, span in zip(wanted, spans, strict=True)], spans, text
    )


def _fill(
    found: list[Span | None], is_text: Sequence[bool], spans: Sequence[Span | None], text: str
) -> tuple[Span | None, ...]:
    """Give tokens that were not found the text between their neighbours, and spaces an empty place."""
    filled = list(found)
    lost = [i for i, stands in enumerate(is_text) if found[i] is None and stands]
    for index in lost:
        if filled[index] is not None:
            continue
        start = max((one[1] for one in found[:index] if one is not None), default=0)
        end = next((one[0] for one in found[index:] if one is not None), len(text))
        run = [other for other in lost if other >= index and not any(found[index:other])]
        for other, span in zip(run, _shares(text, start, max(end, start), len(run)), strict=True):
            filled[other] = span
    following = len(text)
    for index in range(len(filled) - 1, -1, -1):
        place = filled[index]
        if place is not None:
            following = place[0]
        elif spans[index] is not None:
            filled[index] = (following, following)
    return tuple(filled)


def _shares(text: str, start: int, end: int, count: int) -> list[Span]:
    """Return the words between two places, or the characters, where there are `count`; else the whole for each."""
    for pattern in (r"\S+", r"\S"):
        parts = [(start + part.start(), start + part.end()) for part in re.finditer(pattern, text[start:end])]
        if len(parts) == count:
            return parts
    return [_trimmed(text, start, end)] * count


def same_letters(first: str, second: str) -> bool:
    """Return whether two texts are the same but for case, marks, compatibility forms and white space."""
    return _plain_letters(first)[0] == _plain_letters(second)[0]


def _plain_letters(text: str) -> tuple[str, list[int]]:
    """Return the letters without case, marks and white space, and the place of each in the text."""
    letters, origins = [], []
    for place, letter in enumerate(text):
        for plain in unicodedata.normalize("NFKD", letter).casefold():
            if not plain.isspace() and not unicodedata.combining(plain):
                letters.append(plain)
                origins.append(place)
    return "".join(letters), origins
