"""A model's tokens: the ids that transformers gives, and spans that a reader can trust."""

from __future__ import annotations

import json
import lzma
import zipfile

import numpy as np
import pytest
from real_models import MINILM, SMOLLM2, needs_minilm, needs_smollm2

pytest.importorskip("tokenizers")

from paths import GOLDEN

from attnviz.core.errors import InputError
from attnviz.models.checkpoint import open_checkpoint
from attnviz.models.formats.gguf import GgufFile
from attnviz.models.locate import find_model
from attnviz.models.tokenizers.gguf import gguf_tokenizer
from attnviz.models.tokenizers.open import open_tokenizer
from attnviz.models.tokenizers.sentencepiece import read_sentencepiece

WANTED = json.loads((GOLDEN / "tokens.json").read_text(encoding="utf-8"))
TEXTS = WANTED["texts"]
TINY = ["bert", "bert-cased", "gpt2", "roberta", "qwen2", "xlm-roberta", "t5", "camembert", "albert", "marian", "llama"]
# sentencepiece composes e + five accents as a whole, the tokenizers library letter by letter; and transformers takes
# special tokens out of a text before it is cut. Both only where Marian is read by sentencepiece itself.
OTHERWISE = {"marian": [i for i, text in enumerate(TEXTS) if "\u0301" * 5 in text or "[UNK]" in text]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The tiny tokenizers, a folder each."""
    found = tmp_path_factory.mktemp("tokenizers")
    with zipfile.ZipFile(GOLDEN / "tokenizers.zip") as archive:
        archive.extractall(found)
    return found


def tiny(folder, name):
    """One of them, opened."""
    config = json.loads((folder / name / "config.json").read_text(encoding="utf-8"))
    return open_tokenizer(folder / name, config)


def check_ids(tokenizer, name):
    """All 40 texts, and the pair with its segments."""
    for number, (text, ids) in enumerate(zip(TEXTS, WANTED["ids"][name], strict=True)):
        if number not in OTHERWISE.get(name, []):
            assert tokenizer.encode(text).ids.tolist() == ids, text
    if name in WANTED["pairs"]:
        encoded = tokenizer.encode(*WANTED["pair"])
        assert [encoded.ids.tolist(), encoded.segments.tolist()] == WANTED["pairs"][name]


def check_spans(tokenizer):
    """Spans lie in the text, in order, hold the token's text, and only special tokens have none."""
    for text in TEXTS:
        encoded = tokenizer.encode(text)
        before = 0
        for token, special in zip(encoded.tokens, encoded.special, strict=True):
            assert (token.start is None) == bool(special)
            assert token.piece is not None
            assert token.id is not None
            if token.start is not None:
                assert 0 <= token.start <= token.end <= len(text)
                assert token.start >= before
                assert text[token.start : token.end] == token.text or token.start == token.end
                before = token.start


@pytest.mark.parametrize("name", TINY)
def test_ids_of_tiny_tokenizers(folder, name):
    """Tokenizers put together from their families' older files give transformers' ids."""
    check_ids(tiny(folder, name), name)


@pytest.mark.parametrize("name", TINY)
def test_spans_of_tiny_tokenizers(folder, name):
    """What a reader sees of each token is the text it stands for."""
    check_spans(tiny(folder, name))


@needs_minilm
def test_minilm():
    """tokenizer.json, with the truncation at 128 that it asks for switched off."""
    tokenizer = open_checkpoint(find_model(MINILM)).tokenizer
    check_ids(tokenizer, "minilm")
    check_spans(tokenizer)
    assert len(tokenizer.encode("cat " * 300).ids) == 302


@needs_smollm2
def test_smollm2():
    """The vocabulary inside a .gguf."""
    pytest.importorskip("gguf")
    tokenizer = open_checkpoint(find_model(SMOLLM2)).tokenizer
    check_ids(tokenizer, "smollm2")
    check_spans(tokenizer)


def gguf_of(path, folder, name):
    """A .gguf that carries one of the tiny vocabularies, as llama.cpp's converter writes it."""
    gguf = pytest.importorskip("gguf")
    architecture = {"t5": "t5", "llama": "llama", "bert": "bert", "gpt2": "gpt2", "qwen2": "qwen2"}[name]
    writer = gguf.GGUFWriter(path, architecture)
    add = {"t5": add_sentencepiece, "llama": add_sentencepiece, "bert": add_word_pieces}.get(name, add_byte_level)
    add(writer, folder / name, name)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    return GgufFile(path)


def add_sentencepiece(writer, folder, name):
    """Pieces, scores and kinds."""
    model = read_sentencepiece(folder / ("spiece.model" if name == "t5" else "tokenizer.model"))
    pieces = list(model.pieces)
    writer.add_tokenizer_model(name)
    extra = [f"<extra_id_{number}>" for number in range(99, -1, -1)] if name == "t5" else []
    writer.add_token_list([piece.text for piece in pieces] + extra)
    writer.add_token_scores([piece.score for piece in pieces] + [0.0] * len(extra))
    writer.add_token_types([piece.kind for piece in pieces] + [3] * len(extra))
    writer.add_unk_token_id(next(i for i, piece in enumerate(pieces) if piece.kind == 2))
    for text, method in (("<s>", writer.add_bos_token_id), ("</s>", writer.add_eos_token_id)):
        for number, piece in enumerate(pieces):
            if piece.text == text:
                method(number)
    writer.add_add_bos_token(name == "llama")
    writer.add_add_eos_token(name == "t5")
    if model.charsmap:
        writer.add_precompiled_charsmap(model.charsmap)


def add_byte_level(writer, folder, name):
    """Pieces and merges."""
    vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre({"gpt2": "gpt-2", "qwen2": "qwen2"}[name])
    tokens = sorted(vocabulary, key=vocabulary.get)
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token == "<|endoftext|>" else 1 for token in tokens])
    writer.add_token_merges((folder / "merges.txt").read_text(encoding="utf-8").splitlines()[1:])


def add_word_pieces(writer, folder, name):
    """Pieces with ▁ before those that begin a word, as the converter marks them."""
    tokens = (folder / "vocab.txt").read_text(encoding="utf-8").split("\n")[:-1]
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    marked = [t if t in special else t[2:] if t.startswith("##") else f"▁{t}" for t in tokens]
    writer.add_tokenizer_model(name)
    writer.add_token_list(marked)
    writer.add_token_types([3 if token in special else 1 for token in tokens])
    for key, piece in (("cls", "[CLS]"), ("seperator", "[SEP]"), ("unknown", "[UNK]")):
        writer.add_uint32(f"tokenizer.ggml.{key}_token_id", tokens.index(piece))


@pytest.mark.parametrize("name", ["gpt2", "qwen2", "llama", "t5", "bert"])
def test_gguf_vocabularies(tmp_path, folder, name):
    """Each kind of vocabulary in a .gguf gives the ids of the same tokenizer in Hugging Face's files."""
    tokenizer = gguf_tokenizer(gguf_of(tmp_path / "x.gguf", folder, name))
    for text, ids in zip(TEXTS, WANTED["ids"][name], strict=True):
        assert tokenizer.encode(text).ids.tolist() == ids, text


@pytest.mark.parametrize("name", ["llama", "t5"])
def test_a_lone_space_of_gguf(tmp_path, folder, name):
    """SentencePiece's lone space in a .gguf is the same token as from its own file."""
    text = "猫吃鱼 the ☃ 猫"
    found = gguf_tokenizer(gguf_of(tmp_path / "x.gguf", folder, name)).encode(text).tokens
    assert found == tiny(folder, name).encode(text).tokens
    assert all((token.text, token.start) == ("␣", token.end) for token in found if token.piece == "▁")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "no tokenizer"),
        ({"tokenizer.json": "{"}, "not a usable tokenizer"),
        ({"tokenizer.json": '{"version": "1.0", "model": {"type": "BPE"}}'}, "not a usable tokenizer"),
        ({"tokenizer.json": "\xff"}, "not a usable tokenizer"),
        ({"vocab.txt": "a\nb\n"}, r"has no '<s>'"),
        ({"vocab.txt": "[CLS]\n[SEP]\n"}, r"has no '\[UNK\]'"),
        ({"vocab.json": "[]", "merges.txt": ""}, "JSON object"),
        ({"vocab.json": '{"a": -1}', "merges.txt": ""}, "whole number"),
        ({"vocab.json": '{"a": 1, "b": 2}', "merges.txt": "a b c\n"}, "line 1"),
        ({"vocab.json": '{"a": 1, "b": 2}', "merges.txt": "a b\n"}, "not a usable tokenizer"),
        ({"tokenizer_config.json": "nope"}, "not JSON"),
        ({"spiece.model": "nope"}, "alone is not enough"),
    ],
)
def test_broken_tokenizers(tmp_path, files, words):
    """Files that are no tokenizer are refused in one line that names them."""
    for name, text in files.items():
        (tmp_path / name).write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=words) as caught:
        open_tokenizer(tmp_path, {"model_type": "bert"})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"\xff" * 30, b"\x0a\xff\xff\xff\xff\x0f", b"hello world", b"\x12\x00"])
def test_broken_sentencepiece(tmp_path, data):
    """Bytes that are no SentencePiece model are refused."""
    (tmp_path / "spiece.model").write_bytes(data)
    with pytest.raises(InputError, match=r"spiece\.model"):
        open_tokenizer(tmp_path, {"model_type": "t5"})


def test_settings_beside_tokenizer_json(tmp_path, folder):
    """do_lower_case of tokenizer_config.json wins over tokenizer.json, as in transformers."""
    made = tiny(folder, "bert-cased")
    made._tokenizer.save(str(tmp_path / "tokenizer.json"))
    bert = {"model_type": "bert"}
    (tmp_path / "tokenizer_config.json").write_text('{"do_lower_case": false}')
    assert open_tokenizer(tmp_path, bert).encode("The Cat").ids.tolist() == made.encode("The Cat").ids.tolist()
    (tmp_path / "tokenizer_config.json").write_text('{"do_lower_case": true}')
    assert open_tokenizer(tmp_path, bert).encode("The Cat").ids.tolist() == made.encode("the cat").ids.tolist()


@pytest.mark.parametrize("name", ["bert", "gpt2", "t5"])
@pytest.mark.parametrize("text", ["", " ", "\n\t "])
def test_nothing_to_read(folder, name, text):
    """A text of which no token remains is refused, except where spaces are tokens."""
    tokenizer = tiny(folder, name)
    if name == "gpt2" and text:
        assert len(tokenizer.encode(text).ids) >= 1
        return
    with pytest.raises(InputError, match="empty or blank"):
        tokenizer.encode(text)


def test_hostile_texts(folder):
    """Lone surrogates, nulls and control characters are cut like any other text, and spans stay code points."""
    for name in ("bert", "gpt2", "llama"):
        encoded = tiny(folder, name).encode("a\ud800b \x00\x1b[2J [/INST]")
        assert len(encoded.tokens) == len(encoded.ids)
        assert max(token.end or 0 for token in encoded.tokens) <= len("a\ud800b \x00\x1b[2J [/INST]")


def test_unknown_words_are_marked(folder):
    """What the vocabulary lacks is flagged, with its own text as its text."""
    encoded = tiny(folder, "bert").encode("cat ☃☃ the")
    assert [t.text for t in encoded.tokens] == ["[CLS]", "cat", "☃☃", "the", "[SEP]"]
    np.testing.assert_array_equal(encoded.unknown, [False, False, True, False, False])
    assert len(set(encoded.words[1:-1].tolist())) == 3


def test_pair_spans_count_on(folder):
    """The second text's spans follow the first's and one line's end."""
    encoded = tiny(folder, "bert").encode("the cat", "fish")
    assert encoded.tokens[-2].start == len("the cat") + 1
    assert encoded.second.tolist() == [False] * 4 + [True, False]


def test_deberta_ends(tmp_path, folder):
    """DeBERTa's byte-level files are RoBERTa's with other ends, though its folder names no class."""
    for name in ("vocab.json", "merges.txt"):
        text = (folder / "roberta" / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(text.replace('"<s>"', '"[CLS]"').replace('"</s>"', '"[SEP]"'), encoding="utf-8")
    own, other = open_tokenizer(tmp_path, {"model_type": "deberta"}), tiny(folder, "roberta")
    for text in TEXTS[:37]:
        assert own.encode(text).ids.tolist() == other.encode(text).ids.tolist()
    pieces = [token.piece for token in own.encode("a", "b").tokens]
    assert pieces == ["[CLS]", "a", "[SEP]", "b", "[SEP]"]


@pytest.mark.parametrize(
    ("family", "file", "words"),
    [
        ("roformer", "vocab.txt", "RoFormerTokenizer, which does not cut a text by these files alone"),
        ("splinter", "vocab.txt", "SplinterTokenizer, which is not known"),
        ("deberta-v2", "spm.model", "is not enough to cut a text for a deberta-v2 model"),
    ],
)
def test_files_of_another_class(tmp_path, folder, family, file, words):
    """A family whose tokenizer cuts its files in a way of its own is refused, though its folder names no class."""
    source = folder / ("bert/vocab.txt" if file == "vocab.txt" else "albert/spiece.model")
    (tmp_path / file).write_bytes(source.read_bytes())
    with pytest.raises(InputError, match=words):
        open_tokenizer(tmp_path, {"model_type": family})


LANGUAGES = json.loads(lzma.decompress((GOLDEN / "languages.json.xz").read_bytes()))


@pytest.mark.parametrize("name", LANGUAGES["cases"])
@pytest.mark.parametrize("template", [True, False])
def test_languages_of_a_translator(tmp_path, name, template):
    """The source language's token stands where its class puts it, whatever template tokenizer.json has."""
    case = LANGUAGES["cases"][name]
    for file, text in case["files"].items():
        if file == "tokenizer.json" and not template:
            text = json.dumps({**json.loads(text), "post_processor": None})
        (tmp_path / file).write_text(text, encoding="utf-8")
    tokenizer = open_tokenizer(tmp_path, {})
    assert [tokenizer.encode(text).ids.tolist() for text in LANGUAGES["texts"]] == case["ids"]


def test_a_language_that_a_tokenizer_lacks(tmp_path):
    """A source language without a token is named."""
    for file, text in LANGUAGES["cases"]["nllb"]["files"].items():
        (tmp_path / file).write_text(text.replace('"src_lang": "eng_Latn"', '"src_lang": "tlh_Latn"'), encoding="utf-8")
    with pytest.raises(InputError, match="no 'tlh_Latn'"):
        open_tokenizer(tmp_path, {})
