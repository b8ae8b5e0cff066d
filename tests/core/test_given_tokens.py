"""Tokens of weights from elsewhere: pieces of a vocabulary become text, special tokens and padding are known."""

from __future__ import annotations

import re
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnviz import Attention, Token
from attnviz.core.errors import AttnvizError, InputError, OptionError, ShapeError
from attnviz.core.given_tokens import number_parts, read_tokens
from attnviz.core.vocabulary_pieces import byte_letters, find_in_text, read_pieces

LETTERS = {byte: letter for letter, byte in byte_letters().items()}


def byte_level(text, cuts):
    """Cut the bytes of a text anywhere, written in GPT-2's letters."""
    data = text.encode()
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return ["".join(LETTERS[byte] for byte in data[a:b]) for a, b in pairwise(places)]


def texts(tokens):
    """What a reader sees of the tokens, special ones in brackets."""
    return [f"<{token.text}>" if token.start is None else token.text for token in tokens]


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1), st.lists(st.integers(0, 99)))
def test_byte_level_pieces_are_their_text(text, cuts):
    """Pieces of a byte-level vocabulary, however cut, are read back into the text that they came from."""
    names = byte_level(f"x{text} y 猫", cuts)
    found = read_pieces(names, [False] * len(names))
    if any(re.search("[^Ġ]Ġ", name) for name in names):
        return  # a space inside a piece is no cut of GPT-2's
    assert found is not None
    assert found.source == f"x{text} y 猫"
    assert all(0 <= start <= end <= len(found.source) for start, end in found.spans)


PIECES = {
    "byte-level": (["æĪĳ", "ä¸Ĭ", "åĳ", "¨", "Ġcat"], ["我", "上", "周₁", "周₂", "cat"], "我上周 cat"),
    "byte-level with specials": (
        ["<|begin_of_text|>", "The", "Ġcat"],
        ["<<|begin_of_text|>>", "The", "cat"],
        "The cat",
    ),
    "SentencePiece": (["<s>", "▁The", "▁ca", "t", "</s>"], ["<<s>>", "The", "ca", "t", "<</s>>"], "The cat"),
    "lone space": (["▁", "猫", "▁eats"], ["␣", "猫", "eats"], " 猫 eats"),
    "byte tokens": (["▁a", "<0xE9>", "<0xB1>", "<0xBC>"], ["a", "鱼₁", "鱼₂", "鱼₃"], "a鱼"),
    "WordPiece": (
        ["[CLS]", "the", "un", "##known", "[SEP]"],
        ["<[CLS]>", "the", "un", "known", "<[SEP]>"],
        "the unknown",
    ),
    "Chinese WordPiece": (["[CLS]", "猫", "吃", "un", "##i"], ["<[CLS]>", "猫", "吃", "un", "i"], "猫吃 uni"),
    "no marks": (["[CLS]", "猫", "cat", "[SEP]", "[PAD]"], ["<[CLS]>", "猫", "cat", "<[SEP]>", "<[PAD]>"], "猫 cat"),
    "word ends": (["a</w>", "new", "er</w>", "cat</w>"], ["a", "new", "er", "cat"], "a newer cat"),
    "CLIP": (["çĮ«</w>", "a</w>"], ["猫", "a"], "猫 a"),
    "continued words": (["new@@", "er", "cat"], ["new", "er", "cat"], "newer cat"),
    "bytes": ([b"\xe9\xb1", b"\xbc", b" cat"], ["鱼₁", "鱼₂", "cat"], "鱼 cat"),
    "unknown": (["[CLS]", "the", "[UNK]"], ["<[CLS]>", "the", "[UNK]"], "the [UNK]"),
    "DeepSeek": (["<｜begin▁of▁sentence｜>", "ä½ł", "Ġa"], ["<<｜begin▁of▁sentence｜>>", "你", "a"], "你 a"),
    "unfinished": (["ä½ł", "å¥"], ["你", "�"], "你�"),
    "broken bytes": (["Ġcat", "Ę", "¡", ":"], ["cat", "\x18", "�", ":"], "cat\x18�:"),
    "a broken byte inside": (["The", "Ġcat", "aÿb", "Ġdog"], ["The", "cat", "a�b", "dog"], "The cata�b dog"),
    "a foreign name": (["猫", "Ġcat"], ["猫", "cat"], "猫 cat"),
    "foreign punctuation": (["The", "Ġcat", "…", "Ġeats"], ["The", "cat", "…", "eats"], "The cat… eats"),
    "several parts of one character": (["ðŁ", "ĺ", "Ģ", "Ġcat", "Ł"], ["😀₁", "😀₂", "😀₃", "cat", "�"], "😀 cat�"),
    "broken byte tokens": (["▁a", "<0xE9>", "<0xFF>", "▁b"], ["a", "�", "�", "b"], "a�� b"),
    "headings in Markdown": (["ĠSee", "Ġ#", "###", "Ġcat"], ["See", "#", "###", "cat"], "See #### cat"),
    "WordPiece with a name of SentencePiece": (
        ["the", "##s", "▁", "un", "##x"],
        ["the", "s", "␣", "un", "x"],
        "thes ▁ unx",
    ),
    "byte-level with the end of a word": (["Ġa", "Ġb", "x</w>"], ["a", "b", "x</w>"], "a bx</w>"),
    "word ends with a foreign name": (["a</w>", "çĮ«</w>", "…</w>"], ["a", "猫", "…"], "a 猫 …"),
    "word ends with a broken byte": (["çĮ«</w>", "ÿ</w>", "a</w>"], ["猫", "�", "a"], "猫 � a"),
    "ByT5": (["c", " ", "é", "±", "¼", "</s>"], ["c", " ", "鱼₁", "鱼₂", "鱼₃", "<</s>>"], "c 鱼"),
    "parts of a cluster": (["caf", "e", "Ìģ", "Ġx"], ["caf", "e\u0301₁", "e\u0301₂", "x"], "cafe\u0301 x"),
    "SentencePiece with a name of GPT-2": (["▁the", "Ġcat", "▁x"], ["the", "Ġcat", "x"], "theĠcat x"),
}


@pytest.mark.parametrize("name", PIECES)
def test_pieces(name):
    """Pieces of each kind of vocabulary are shown as the text that they stand for, and keep their entry."""
    names, shown, source = PIECES[name]
    found = Attention.from_arrays(np.eye(len(names)), names)
    assert texts(found.query) == shown
    assert found.source == source
    entries = [name if isinstance(name, str) else name.decode("utf-8", "replace") for name in names]
    if name != "no marks" and name != "unknown":
        assert [token.piece for token in found.query] == entries
        assert "were read as pieces" in str(found.notes[0])


@pytest.mark.parametrize(
    "names",
    [
        ["the", "cat", "eats"],
        ["猫", "吃", "鱼"],
        ["café", "naïve", "°C"],
        ["Ġanni", "kiel", "laħam"],
        ["the", "caĠt", "eats"],
        ["Member", "Člověk", "Ġx"],
        ["»", "Ü", "«"],
        ["x", "###", "y"],
        ["the", "big", "dog", "saw", "Ġanni"],
        ["# title", "##", "b"],
        ["a b", "c"],
        [""],
        ["x0", "x1"],
    ],
)
def test_plain_names_stay(names):
    """Names that are no pieces, all together, stay as they are, whatever letters are in them; nothing is said."""
    found = Attention.from_arrays(np.eye(len(names)), names)
    assert [token.text for token in found.query] == names
    assert {(token.start, token.piece) for token in found.query} == {(None, None)}
    assert found.notes == ()


@pytest.mark.parametrize("foreign", ["猫", "…", "¡", "Ę", "ÿ", "\ud800", "<0xFF>", "##x", "x</w>", "▁", "@@"])
@pytest.mark.parametrize(
    "names",
    [
        ["The", "Ġcat", "Ġeats", "Ġfish", "es"],
        ["▁The", "▁cat", "▁eats", "▁fish", "es"],
        ["the", "##s", "cat", "##s", "##y"],
        ["a</w>", "cat</w>", "new", "er</w>"],
    ],
)
def test_one_foreign_name(names, foreign):
    """One name that is no piece of the alphabet that the others are in leaves the others as readable as they are."""
    alone = texts(Attention.from_arrays(np.eye(len(names)), names).query)
    for place in range(1, len(names) + 1):
        mixed = [*names[:place], foreign, *names[place:]]
        found = texts(Attention.from_arrays(np.eye(len(mixed)), mixed).query)
        assert [*found[:place], *found[place + 1 :]] == alone


def test_tokens_are_never_read_again():
    """Token objects are taken as they are."""
    token = Token("Ġcat", 0, 3)
    assert Attention.from_arrays(np.eye(2), [token, "Ġdog"]).query == (token, Token("Ġdog"))


def test_text_places_pieces():
    """With `text`, pieces stand where they are found in it, whatever their case and marks; unknown ones in between."""
    pieces = ["[CLS]", "the", "cafe", "[UNK]", "##s", "[SEP]"]
    found = Attention.from_arrays(np.eye(6), pieces, text="The Café 鱼s")
    assert texts(found.query) == ["<[CLS]>", "The", "Café", "鱼", "s", "<[SEP]>"]
    assert [(token.start, token.end) for token in found.query[1:5]] == [(0, 3), (4, 8), (9, 10), (10, 11)]
    assert found.query[3].is_unknown(found.provenance.unknown)
    places = [(0, 1), (2, 7), (8, 13), (14, 15)]
    assert find_in_text(["a", "[UNK]", "[UNK]", "b"], places, "a 买的 b")[1:3] == ((2, 3), (3, 4))
    pair = Attention.from_arrays(np.eye(4), ["[CLS]", "a", "[SEP]", "b"], text=("a", "b"))
    assert (pair.source, texts(pair.query)) == ("a\nb", ["<[CLS]>", "a", "<[SEP]>", "b"])


class Characters:
    """A tokenizer of transformers without spans, as CANINE's: an id is the number of a character."""

    all_special_tokens: tuple[str, ...] = ()

    def convert_ids_to_tokens(self, ids):
        return [chr(number) for number in ids]

    def __call__(self, text):
        return {"input_ids": [ord(letter) for letter in text]}


def test_characters_follow_each_other():
    """Entries of a vocabulary of single characters make words, and spaces between them are tokens."""
    ids = [ord(letter) for letter in "a cat"]
    for given_text in ({}, {"text": "a cat"}):
        found = Attention.from_arrays(np.eye(5), ids, tokenizer=Characters(), **given_text)
        assert (found.source, texts(found.query)) == ("a cat", list("a cat"))


def test_tokenizers_that_only_know_ids():
    """What cannot be called names ids, and cuts no text."""
    names = SimpleNamespace(convert_ids_to_tokens=lambda ids: [["the", "cat"][number] for number in ids])
    found = Attention.from_arrays(np.eye(2), [0, 1], text="The cat", tokenizer=names)
    assert [(token.text, token.start) for token in found.query] == [("The", 0), ("cat", 4)]
    with pytest.raises(InputError, match="cannot be called"):
        Attention.from_arrays(np.eye(2), None, text="The cat", tokenizer=names)


def test_parts_of_a_character_are_found_together():
    """With `text`, the bytes of one character, and a piece that ends one and begins the next, stand at one place."""
    pieces = ["▁", "<0xE9>", "<0xB1>", "<0xBC>", "▁the", "<0xE9>", "<0xB1>", "<0xBC>"]
    found = Attention.from_arrays(np.eye(8), pieces, text="鱼  The 鱼")
    assert [(token.start, token.end) for token in found.query] == [(0, 0), *[(0, 1)] * 3, (3, 6), *[(7, 8)] * 3]
    found = Attention.from_arrays(np.eye(3), ["é±", "¼åĲ", "ĥ"], text="\n鱼吃")
    assert [(token.start, token.end) for token in found.query] == [(1, 2), (1, 3), (2, 3)]


def test_spaces_and_unknown_pieces_in_a_text():
    """A lone ▁ is no text that was lost: unknown pieces share the words between their neighbours without it."""
    pieces = ["<s>", "▁", "<unk>", "▁", "<unk>", "▁the", "</s>"]
    found = Attention.from_arrays(np.eye(7), pieces, text="买 的 the")
    assert texts(found.query) == ["<<s>>", "␣", "买", "␣", "的", "the", "<</s>>"]
    assert [token.start for token in found.query[1:6]] == [0, 0, 2, 2, 4]


def test_ids_stand_where_the_tokenizer_puts_them():
    """Ids with a text and a tokenizer that has spans stand at these, padding around them too."""
    tokenizers = pytest.importorskip("tokenizers")
    model = tokenizers.models.WordLevel({"[UNK]": 0, "[PAD]": 1, "the": 2, "cat": 3}, unk_token="[UNK]")
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    found = Attention.from_arrays(np.eye(6), [1, 2, 0, 0, 3, 1], text="the dog? cat", tokenizer=tokenizer)
    assert texts(found.query) == ["<[PAD]>", "the", "dog", "?", "cat", "<[PAD]>"]
    assert [token.start for token in found.query] == [None, 0, 4, 7, 9, None]
    with pytest.raises(InputError, match="no token with the id -100"):
        Attention.from_arrays(np.eye(2), [2, -100], tokenizer=tokenizer)
    with pytest.raises(InputError, match="tokenizer is one of"):
        Attention.from_arrays(np.eye(2), [2, 3], tokenizer=type(tokenizer))


def test_another_text_is_refused():
    """A text in which most tokens do not stand is not the one that was tokenized."""
    with pytest.raises(InputError, match="Most tokens are not in the text"):
        Attention.from_arrays(np.eye(4), ["▁the", "▁much", "▁longer", "▁cat"], text="the dog")


def test_source_is_text():
    """`source`, the older name of `text`, places plain names too."""
    found = Attention.from_arrays(np.eye(3), ["a", "##b", "a"], source="ab a")
    assert [(each.start, each.end) for each in found.query] == [(0, 1), (1, 2), (3, 4)]


def test_special_tokens_mask():
    """special_tokens_mask says which tokens stand for no text, whatever their names."""
    found = Attention.from_arrays(np.eye(3), ["begin", "the", "cat"], special_tokens_mask=[1, 0, 0])
    assert texts(found.query) == ["<begin>", "the", "cat"]
    with pytest.raises(ShapeError, match=r"2 numbers.*3 tokens"):
        Attention.from_arrays(np.eye(3), ["a", "b", "c"], special_tokens_mask=[1, 0])


class Slow:
    """A tokenizer of transformers without offsets, of whole words and their endings."""

    all_special_tokens = ("<start>", "<unk>")
    unk_token = "<unk>"

    def __init__(self, *words):
        self.words = words

    def __call__(self, *texts, **options):
        if options:
            raise NotImplementedError("return_offset_mapping is not available when using Python tokenizers")
        names = ["<start>", *(word for text in texts for word in text.lower().split())]
        return {"input_ids": [self.words.index(name) if name in self.words else 1 for name in names]}

    def convert_ids_to_tokens(self, ids):
        return [self.words[number] if number < len(self.words) else None for number in ids]


SLOW = Slow("<start>", "<unk>", "the", "cat")


def test_slow_tokenizer():
    """A tokenizer without offsets is asked for its pieces, which are found in the text; ids are read by it."""
    found = Attention.from_arrays(np.eye(4), tokenizer=SLOW, text="The cat sat")
    assert texts(found.query) == ["<<start>>", "The", "cat", "sat"]
    assert [token.id for token in found.query] == [0, 2, 3, 1]
    assert found.query[3].is_unknown(found.provenance.unknown)
    assert texts(Attention.from_arrays(np.eye(3), [0, 2, 3], tokenizer=SLOW).query) == ["<<start>>", "the", "cat"]
    both = np.array([[0, 2, 3], [0, 3, 3]])
    assert texts(Attention.from_arrays(np.eye(3)[None], both, tokenizer=SLOW, batch=0).query)[1] == "the"
    with pytest.raises(InputError, match="no token with the id 9"):
        Attention.from_arrays(np.eye(2), [0, 9], tokenizer=SLOW)


@pytest.fixture(scope="module")
def fast():
    """A tokenizer of the package tokenizers: byte-level, with a token before every text."""
    tokenizers = pytest.importorskip("tokenizers")
    letters = sorted(byte_letters())
    vocabulary = {letter: number for number, letter in enumerate(["<s>", *letters])}
    made = tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, []))
    made.add_special_tokens(["<s>"])
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.post_processor = tokenizers.processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", 0)]
    )
    return made


def test_fast_tokenizer(fast):
    """A tokenizer's own spans and special tokens are taken; bytes of one character are numbered."""
    found = Attention.from_arrays(np.eye(6), tokenizer=fast, text="鱼 a")
    assert texts(found.query) == ["<<s>>", "鱼₁", "鱼₂", "鱼₃", " ", "a"]
    assert [token.start for token in found.query] == [None, 0, 0, 0, 1, 2]
    encoded = fast.encode("ab")
    assert texts(Attention.from_arrays(np.eye(3), encoded, text="ab").query) == ["<<s>>", "a", "b"]
    pair = Attention.from_arrays(np.eye(3), tokenizer=fast, text=["a", "b"])
    assert (pair.source, [token.start for token in pair.query]) == ("a\nb", [None, 0, 2])
    with pytest.raises(InputError, match="beyond the text"):
        Attention.from_arrays(np.eye(3), encoded, text="a")


class Batch(dict):
    """What a tokenizer of transformers returns."""

    def __init__(self, encodings, **fields):
        super().__init__(fields)
        self.encodings = encodings


def test_batch_encoding(fast):
    """What a tokenizer returns is taken as the tokens, of the text that `batch` names, and its mask as the mask."""
    encodings = [fast.encode("ab"), fast.encode("c")]
    masks = [[1, 1, 1], [1, 1, 0]]
    encodings[1].pad(3, pad_token="<pad>")
    batch = Batch(encodings, attention_mask=masks, input_ids=[each.ids for each in encodings])
    weights = np.stack([np.eye(3)[None], np.eye(3)[None]])
    assert texts(Attention.from_arrays(weights, batch, batch=0).query) == ["<<s>>", "a", "b"]
    assert texts(Attention.from_arrays(weights, batch, batch=1).query) == ["<<s>>", "c"]
    plain = {"input_ids": [[0, 2, 3]], "attention_mask": [[0, 1, 1]]}
    assert texts(Attention.from_arrays(np.eye(3), plain, tokenizer=SLOW).query) == ["the", "cat"]
    with pytest.raises(InputError, match="need tokenizer"):
        Attention.from_arrays(np.eye(3), plain)


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"tokenizer": 5, "text": "a"}, InputError),
        ({"text": "a b"}, InputError),
        ({"text": 5, "tokens": ["a", "b"]}, InputError),
        ({"text": ["a", "b", "c"], "tokens": ["a", "b"]}, InputError),
        ({"tokenizer": SLOW}, OptionError),
        ({"tokens": {"ids": [1, 2]}}, InputError),
        ({"tokens": 5}, InputError),
        ({"tokens": ["a", 5]}, InputError),
        ({"tokens": [Token("a"), 5]}, InputError),
        ({"tokens": np.zeros((2, 2))}, InputError),
    ],
)
def test_what_are_no_tokens(options, kind):
    """What cannot be tokens is an error that says what was expected."""
    with pytest.raises(AttnvizError) as error:
        Attention.from_arrays(np.eye(2), **options)
    assert isinstance(error.value, kind), error.value


def test_parts_are_numbered():
    """Only tokens that share a character are numbered; a space alone and special tokens never are."""
    tokens = (Token("<s>"), Token("␣", 0, 0), Token("鱼", 0, 1), Token("鱼", 0, 1), Token("a", 1, 2))
    assert [token.text for token in number_parts(tokens)] == ["<s>", "␣", "鱼₁", "鱼₂", "a"]


MASKED = np.array([[1, 0, 0, 0], [0.5, 0.5, 0, 0], [0.25] * 4, [0.25] * 4])


@pytest.mark.parametrize("mask", [[1, 1, 0, 0], np.array([[1, 1, 0, 0]]), (True, True, False, False)])
def test_padding_on_the_right(mask):
    """A mask drops the rows and columns of padding, with its names, whatever these rows hold."""
    weights = MASKED.copy()
    weights[2:] = np.nan
    for tokens in (["a", "b", "<pad>", "<pad>"], ["a", "b"]):
        found = Attention.from_arrays(weights, tokens, mask=mask, allowed=np.tri(4))
        assert texts(found.query) in (["a", "b"], ["<a>", "<b>"])
        assert found.weights.tolist() == [[[[1, 0], [0.5, 0.5]]]]
        assert found.allowed.astype(int).tolist() == [[1, 0], [1, 1]]
        assert not any("padding" in str(note) for note in found.notes)


def test_padding_on_the_left():
    """Padding that stands before a text goes too; `batch` chooses the row of the mask."""
    weights = np.stack([MASKED[None], MASKED[::-1, ::-1][None]])
    found = Attention.from_arrays(weights, ["<pad>", "<pad>", "a", "b"], batch=1, mask=[[1, 1, 1, 1], [0, 0, 1, 1]])
    assert found.weights.tolist() == [[[[0.5, 0.5], [0, 1]]]]


def test_padding_of_keys():
    """In cross-attention `mask` is for the rows and `key_mask` for the columns."""
    weights = [[0.5, 0.5, 0], [0.5, 0.5, 0], [1, 0, 0]]
    found = Attention.from_arrays(weights, list("abc"), keys=list("xyz"), mask=[1, 1, 0], key_mask=[1, 1, 0])
    assert found.weights.shape == (1, 1, 2, 2)
    assert len(Attention.from_arrays(np.eye(3), list("abc"), key_mask=[1, 1, 0]).query) == 2
    with pytest.raises(InputError, match="mask serves both"):
        Attention.from_arrays(np.eye(3), list("abc"), mask=[1, 1, 1], key_mask=[1, 1, 0])


def test_rows_of_a_batch():
    """Masks of several texts are for weights of as many, of which batch= chooses one; else the row must be given."""
    weights = np.tile(np.eye(2), (3, 1, 1, 1))
    masks = {"mask": [[1, 1], [0, 1], [1, 1]], "special_tokens_mask": [[0, 0], [1, 0], [0, 1]]}
    found = Attention.from_arrays(weights, [["a", "b"], ["x", "y"], ["c", "d"]][1], batch=1, **masks)
    assert [token.text for token in found.query] == ["y"]
    with pytest.raises(ShapeError, match="mask is of 3 texts, and the weights are of 1"):
        Attention.from_arrays(np.eye(2), ["a", "b"], **masks)


def test_padding_is_told():
    """Padding without a mask is told, and how to drop it."""
    found = Attention.from_arrays(MASKED[:, :], ["a", "b", "[PAD]", "[PAD]"])
    assert "2 of 4 tokens are padding, [PAD]: mask=inputs.attention_mask" in str(found.notes[-1])


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        ([1, 1, 0], "mask has 3 numbers, and the weights have 4"),
        ([0, 0, 0, 0], "0 everywhere"),
        ([1, 2, 0, 0], "other numbers"),
        ([0, -1e9, 0, 0], "other numbers"),
        ([[[1, 1, 0, 0]]], r"not of shape \(1, 1, 4\)"),
        (["a", "b"], "not an array"),
        ([[1], [1, 0]], "not an array"),
    ],
)
def test_wrong_masks(mask, words):
    """What is no mask of these tokens is an error."""
    with pytest.raises(AttnvizError, match=words):
        Attention.from_arrays(MASKED, list("abcd"), mask=mask)


def test_read_tokens_keeps_no_numbers():
    """Tokens that are joined later have no numbers in their names."""
    assert [token.text for token in read_tokens(["é", "ķ", "¼"]).tokens] != ["é₁", "ķ₂", "¼₃"]
