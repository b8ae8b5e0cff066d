"""Letters that no token stands for are told, and the tokens after them keep their own places."""

from __future__ import annotations

import pytest
from real_models import MINILM, SMOLLM2, needs_minilm, needs_smollm2
from tiny_models import model_of

pytest.importorskip("tokenizers")

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers

import attnviz
from attnviz.cli import main
from attnviz.core.errors import InputError
from attnviz.models.tokenizers.open import open_tokenizer

PIECES = ["a", "b", "c", "é", "▁", "ab", "▁a", '"', "`", "하", "e"]
VOCABULARY = {piece: number for number, piece in enumerate(PIECES)}
MERGES = [("a", "b"), ("▁", "a")]


def opened(folder, *, normalizer=None, cutter=None, added=(), **given):
    """A tokenizer of a BPE vocabulary without a piece for the unknown."""
    made = Tokenizer(models.BPE(VOCABULARY, MERGES, **given))
    if normalizer is not None:
        made.normalizer = normalizer
    if cutter is not None:
        made.pre_tokenizer = cutter
    made.add_special_tokens(list(added))
    made.save(str(folder / "tokenizer.json"))
    return open_tokenizer(folder, {})


def read(tokenizer, text, pair=None):
    """The letters that were left out, and each token's piece with its span."""
    encoded = tokenizer.encode(text, pair)
    return "".join(encoded.left_out), [(one.piece, one.start, one.end) for one in encoded.tokens]


@pytest.mark.parametrize(
    ("text", "gone", "pieces"),
    [
        ("a猫b", "猫", [("ab", 0, 3)]),  # the library merges over what it leaves out
        ("b猫a", "猫", [("b", 0, 1), ("a", 2, 3)]),
        ("猫b鱼鱼c猫", "猫鱼", [("b", 1, 2), ("c", 4, 5)]),
        ("猫 b", "猫", [("b", 2, 3)]),
        ("a\u200db \x07c", "", [("ab", 0, 3), ("c", 5, 6)]),
        ("aéb", "", [("a", 0, 1), ("é", 1, 2), ("b", 2, 3)]),
    ],
)
def test_places(tmp_path, text, gone, pieces):
    """Every token's span is of its own letters; white space and control characters are not told."""
    assert read(opened(tmp_path), text) == (gone, pieces)


def test_with_marks_of_spaces_and_added_tokens(tmp_path):
    """▁ stands for no letter, and added tokens keep their places."""
    tokenizer = opened(tmp_path, cutter=pre_tokenizers.Metaspace(), added=[AddedToken("<s>", normalized=False)])
    assert read(tokenizer, "猫") == ("猫", [("▁", 0, 0)])
    assert read(tokenizer, "猫b c鱼") == ("猫鱼", [("▁", 0, 0), ("b", 1, 2), ("▁", 3, 3), ("c", 3, 4)])
    assert read(tokenizer, "猫b<s>鱼c") == ("猫鱼", [("▁", 0, 0), ("b", 1, 2), ("<s>", 2, 5), ("▁", 5, 5), ("c", 6, 7)])
    assert read(tokenizer, "猫b", "鱼c")[0] == "猫鱼"


@pytest.mark.parametrize(
    ("normalizer", "text", "gone"),
    [
        (normalizers.Lowercase(), "AB 猫", "猫"),
        (normalizers.NFC(), "ae\u0301b", ""),
        (normalizers.NFC(), "ae\u0323\u0301", "e\u0323\u0301"),  # ẹ is one letter, without a piece
        (normalizers.NFKC(), "ａｂ\u1112\u1161", ""),
        (normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents()]), "ae\u0301be\u0301 é", ""),
        (normalizers.NFD(), "e\u0301", "\u0301"),
        (normalizers.Replace("``", '"'), "``a``", ""),
        (normalizers.Prepend("▁"), "猫a", "猫"),
        (normalizers.Sequence([normalizers.Replace(" ", "▁"), normalizers.Prepend("▁")]), "a b 猫", "猫"),
        (normalizers.Replace("c", ""), "bcb", "c"),
    ],
)
def test_normalizers(tmp_path, normalizer, text, gone):
    """What a normalizer writes in another way is not left out; what it drops is, accents aside."""
    assert read(opened(tmp_path, normalizer=normalizer), text)[0] == gone


def fallback(*numbers):
    """A BPE vocabulary with pieces for these bytes."""
    return models.BPE(
        {**VOCABULARY, **{f"<0x{one:02X}>": 20 + i for i, one in enumerate(numbers)}}, [], byte_fallback=True
    )


@pytest.mark.parametrize(
    ("model", "text", "gone"),
    [
        (fallback(*range(256)), "a猫", ""),
        (fallback(0xE7), "a猫b", "猫"),
        (models.BPE({"a": 0, "b</w>": 1, "c": 2}, [], end_of_word_suffix="</w>"), "ab ac 猫b", "c猫"),
        (models.BPE({"a": 0, "##b": 1}, [], continuing_subword_prefix="##"), "ab ba", "ba"),
    ],
)
def test_other_ways_of_bpe(tmp_path, model, text, gone):
    """Bytes stand for letters, or for some of them; a vocabulary may mark the places of its pieces."""
    made = Tokenizer(model)
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made.save(str(tmp_path / "tokenizer.json"))
    assert read(open_tokenizer(tmp_path, {}), text)[0] == gone


def test_bytes_that_lack(tmp_path):
    """A vocabulary of bytes that lacks some leaves out the letters that they are in."""
    made = Tokenizer(models.BPE({"a": 0, "b": 1}, []))
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    made.save(str(tmp_path / "tokenizer.json"))
    assert read(open_tokenizer(tmp_path, {}), "a猫b") == ("猫", [("a", 0, 1), ("b", 2, 3)])


def test_no_letter_has_a_piece(tmp_path):
    """A text of which nothing is left is not called blank."""
    tokenizer = opened(tmp_path)
    with pytest.raises(InputError, match="no piece for any letter of '猫鱼'"):
        tokenizer.encode("猫鱼")
    with pytest.raises(InputError, match="no piece for any letter of '鱼'"):
        tokenizer.encode("a", "鱼")
    with pytest.raises(InputError, match="blank"):
        tokenizer.encode(" ")


@pytest.mark.parametrize("command", ["tokens", "run", "explain", "export", "next"])
def test_commands(tmp_path, capsys, command):
    """Every command tells it, in both languages; a text that is covered has no such note."""
    folder = model_of(tmp_path / "llama", "llama")
    for old in (*folder.glob("tokenizer*"), *folder.glob("special*")):
        old.unlink()
    Tokenizer(models.BPE(VOCABULARY, MERGES)).save(str(folder / "tokenizer.json"))
    out = [str(tmp_path / "x.json")] if command == "export" else []
    for lang, words in (("en", "no piece for “猫”, “鱼”: left out"), ("zh", "「猫」")):
        with pytest.raises(SystemExit) as end:
            main([command, "b猫a鱼b", "--model", str(folder), "--lang", lang, *out])
        told = capsys.readouterr()
        assert not end.value.code, told.err
        assert words in told.err
    with pytest.raises(SystemExit):
        main([command, "bab", "--model", str(folder), "--lang", "en", *out])
    assert "left out" not in capsys.readouterr().err


def test_accents_that_change_places(tmp_path):
    """Bytes cover what NFC puts in another order, and words what is stripped of a half-wide letter's accent."""
    made = Tokenizer(models.BPE({letter: i for i, letter in enumerate(pre_tokenizers.ByteLevel.alphabet())}, []))
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    made.normalizer = normalizers.NFC()
    made.save(str(tmp_path / "tokenizer.json"))
    assert open_tokenizer(tmp_path, {}).encode("A\u030a\u0323 e\u0301").left_out == ()
    made = Tokenizer(models.WordLevel({"[UNK]": 0, "a": 1}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.normalizer = normalizers.Sequence([normalizers.NFKD(), normalizers.StripAccents()])
    made.save(str(tmp_path / "tokenizer.json"))
    assert open_tokenizer(tmp_path, {}).encode("a ｶﾞ é \u0301a").left_out == ()


TEXT = "Café naïve e\u0301tude — 猫吃鱼 ﬁne Ａ한국어 \u1112\u1161 ❤️ 👨\u200d👩\u200d👧 हिन्दी ``x`` \u00ad\u200b\ufeff."


@pytest.mark.slow
@needs_minilm
def test_no_false_note_of_word_pieces():
    """MiniLM lowers letters and strips accents: nothing of that is left out."""
    assert attnviz.load(MINILM).encode(TEXT).left_out == ()


@pytest.mark.slow
@needs_smollm2
def test_no_false_note_of_bytes():
    """SmolLM2 reads bytes: nothing is left out."""
    assert attnviz.load(SMOLLM2).encode(TEXT).left_out == ()
