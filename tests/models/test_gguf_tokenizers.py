"""Byte-level vocabularies in .gguf files: cut, begin token and merges are three facts of each tokenizer.ggml.pre."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("tokenizers")
pytest.importorskip("gguf")

import gguf
from tokenizers import pre_tokenizers

from attnviz.core.errors import InputError
from attnviz.models.formats.gguf import GgufFile
from attnviz.models.formats.gguf_names import config_of
from attnviz.models.tokenizers.gguf import gguf_tokenizer
from attnviz.models.tokenizers.gguf_pre import NOT_BYTE_LEVEL, PRE_TOKENIZERS
from attnviz.models.tokenizers.legacy import byte_level_tokenizer

# llama.cpp, src/llama-vocab.cpp, commit 00ad355: names that set add_bos, and those that set ignore_merges.
BEGIN = "llama3 llama-v3 llama-bpe falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano tekken chameleon"
IGNORE = BEGIN.replace(" chameleon", "") + " youtu minicpm5 granite-embed-multi-97m"
NAMES = """
default minicpm5 llama3 llama-v3 llama-bpe falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano deepseek-llm
deepseek-coder deepseek-v3 spark2_5 youtu falcon mpt starcoder gpt-2 phi-2 jina-es jina-de gigachat jina-v2-es
jina-v2-de a.x-4.0 mellum modern-bert jais-2 gemma4 granite-embed-multi-311m sarvam-moe jina-v1-en jina-v2-code
roberta-bpe whitespace refact command-r qwen2 deepseek-r1-qwen kormo f2llmv2 qwen35 stablelm2 olmo dbrx smaug-bpe
poro-chat glm4 chatglm-bpe viking jais tekken smollm codeshell bloom gpt3-finnish exaone exaone4 exaone-moe chameleon
minerva-7b megrez gpt-4o llama4 kanana2 talkie granite-embed-multi-97m tiny_aya cohere2moe superbpe trillion
granite-docling bailingmoe bailingmoe2 llada-moe seed-coder hunyuan hunyuan-dense hy_v4 joyai-llm kimi-k2 ufakzeka
grok-2 afmoe laguna minimax-m2 solar-open mellum2
"""
ALL = NAMES.split()
BYTES = sorted(pre_tokenizers.ByteLevel.alphabet())
WORDS = [*BYTES, "<s>", "Ġt", "Ġth", "Ġthe", "cat"]


def gguf_of(path, pre, architecture="llama", **keys):
    """A .gguf with a byte-level vocabulary and no weights but the token vectors' shape."""
    writer = gguf.GGUFWriter(path, architecture)
    for name, number in {
        "block_count": 1,
        "context_length": 16,
        "embedding_length": 4,
        "feed_forward_length": 4,
        "head_count": 1,
    }.items():
        getattr(writer, f"add_{name}")(number)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model(keys.pop("model", "gpt2"))
    if pre is not None:
        writer.add_tokenizer_pre(pre)
    writer.add_token_list(WORDS)
    writer.add_token_types([3 if word == "<s>" else 1 for word in WORDS])
    writer.add_token_merges(["Ġ t", "Ġt h", "Ġth e"])
    writer.add_bos_token_id(WORDS.index("<s>"))
    for key, value in keys.items():
        getattr(writer, key)(value)
    writer.add_tensor("token_embd.weight", np.zeros((len(WORDS), 4), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return GgufFile(path)


def pieces(path, pre, text, **keys):
    """The pieces of a text."""
    return [token.piece for token in gguf_tokenizer(gguf_of(path, pre, **keys)).encode(text).tokens]


def test_every_name_is_known():
    """The table has every name of llama.cpp's, and no other."""
    assert sorted(ALL) == sorted((*PRE_TOKENIZERS, *NOT_BYTE_LEVEL))
    assert [name for name in PRE_TOKENIZERS if PRE_TOKENIZERS[name].begins] == sorted(
        BEGIN.split(), key=list(PRE_TOKENIZERS).index
    )
    assert {name for name, kind in PRE_TOKENIZERS.items() if kind.ignores_merges} == set(IGNORE.split())


@pytest.mark.parametrize("pre", sorted(PRE_TOKENIZERS))
def test_three_facts(tmp_path, pre):
    """By each name: a begin token or none, a known word whole or merged, and the file's own key over it."""
    text = " the cat"
    found = pieces(tmp_path / "a.gguf", pre, text)
    assert (found[0] == "<s>") == (pre in BEGIN.split())
    words = [piece for piece in found if piece != "<s>"]
    assert words[0] == "Ġthe"
    whole = pieces(tmp_path / "b.gguf", pre, "cat")
    assert ("cat" in whole) == (pre in IGNORE.split())
    told = pieces(tmp_path / "c.gguf", pre, text, add_add_bos_token=pre not in BEGIN.split())
    assert (told[0] == "<s>") != (pre in BEGIN.split())


@pytest.mark.parametrize(
    ("pre", "text", "words"),
    [
        ("llama3", "I'LL pay 12345, helloWorld", ["I", "'LL", " pay", " ", "123", "45", ",", " helloWorld"]),
        ("dbrx", "I'LL pay 12345", ["I", "'LL", " pay", " ", "123", "45"]),
        ("gpt-2", "I'll pay 12345!!", ["I", "'ll", " pay", " 12345", "!!"]),
        ("smollm", "pay 123!!", ["pay", " ", "1", "2", "3", "!!"]),
        ("qwen2", "pay 123", ["pay", " ", "1", "2", "3"]),
        ("gpt-4o", "helloWorld I'll 1234", ["hello", "World", " I'll", " ", "123", "4"]),
        ("tekken", "helloWorld 123", ["hello", "World", " ", "1", "2", "3"]),
        ("falcon", "a`b 1234", ["a", "`", "b", " ", "123", "4"]),
        ("default", "a`b 1234", ["a", "`", "b", " ", "123", "4"]),
        ("deepseek-llm", "Hello, 世界 123", ["Hello", ",", " ", "世界", " ", "123"]),
        ("deepseek-coder", "Hello, 世界 123", ["Hello", ",", " ", "世界", " ", "1", "2", "3"]),
        ("deepseek-v3", "猫吃 fish 1234", ["猫吃", " fish", " ", "123", "4"]),
        ("superbpe", "the cat 12345 x", ["the cat ", "12", "345", " x"]),
        ("tiny_aya", "x 1234567", ["x", " ", "1", "234", "567"]),
        ("afmoe", "猫 12345", ["猫", " ", "12", "345"]),
        ("bloom", "the cat, 12", ["the", " cat", ",", " 12"]),
        ("viking", "the 12", ["the", " ", "1", "2"]),
        ("chameleon", "a\n    b1", ["a", "\n", "    ", "b", "1"]),
        ("youtu", "猫，fish", ["猫", "，", "fish"]),
        ("minicpm5", "pay 12345", ["pay", " ", "123", "45"]),
        ("exaone-moe", "the cat 12", ["the cat", " ", "1", "2"]),
        ("laguna", "a\nb 1", ["a", "\n", "b", " ", "1"]),
        ("seed-coder", "x.\ny", ["x", ".", "\n", "y"]),
    ],
)
def test_cuts(pre, text, words):
    """A text is cut between words as the name says."""
    kind = PRE_TOKENIZERS[pre]
    tokenizer = byte_level_tokenizer({letter: i for i, letter in enumerate(BYTES)}, [], "x", kind.cuts)
    spans = [span for _, span in tokenizer.pre_tokenizer.pre_tokenize_str(text)]
    assert [text[a:b] for a, b in spans] == words


@pytest.mark.parametrize("pre", sorted(PRE_TOKENIZERS))
@settings(max_examples=15)
@given(text=st.text(st.sampled_from("aB 1'9.,!\n\t猫吃がé한`$(<#—👍"), min_size=1, max_size=20))
def test_nothing_is_lost(pre, text):
    """Every cut leaves all of a text, in order."""
    tokenizer = byte_level_tokenizer({letter: i for i, letter in enumerate(BYTES)}, [], "x", PRE_TOKENIZERS[pre].cuts)
    ends = [0]
    for _, (start, end) in tokenizer.pre_tokenizer.pre_tokenize_str(text):
        assert start <= ends[-1] <= end
        ends.append(end)
    assert ends[-1] == len(text)


@pytest.mark.parametrize("pre", [*NOT_BYTE_LEVEL, "gpt-5", "gpt2", "LLAMA3"])
def test_other_names_are_refused(tmp_path, pre):
    """A name that is not known, or of pieces that are no bytes, is refused by name, with the way out."""
    with pytest.raises(InputError, match=rf"{pre!r}.*folder that it was converted from"):
        pieces(tmp_path / "a.gguf", pre, "the cat")


@pytest.mark.parametrize("kind", ["rwkv", "plamo2", "gemma4", "hybriddna", "none"])
def test_other_kinds_are_refused(tmp_path, kind):
    """So is a kind of tokenizer."""
    with pytest.raises(InputError, match=f"of the kind '{kind}'.*converted from"):
        pieces(tmp_path / "a.gguf", "default", "the cat", model=kind)


def test_without_a_name(tmp_path):
    """A file without a name is cut by default's; GPT-2's own by GPT-2's."""
    assert pieces(tmp_path / "a.gguf", None, "a1234") == ["a", "1", "2", "3", "4"]
    assert pieces(tmp_path / "b.gguf", None, "the cat", architecture="gpt2")[:1] == ["t"]


@pytest.mark.parametrize("causal", [True, False, None])
def test_direction(tmp_path, causal):
    """attention.causal says whether a token attends to what comes after it."""
    keys = {} if causal is None else {"add_causal_attention": causal}
    for architecture, name in (("llama", "is_causal"), ("qwen2", "is_causal"), ("bert", "is_decoder")):
        file = gguf_of(tmp_path / f"{architecture}.gguf", "qwen2", architecture, add_layer_norm_eps=1e-5, **keys)
        assert config_of(file).get(name) is causal
