"""Tokenizers that make a text longer without end: refused in one line, in time and memory that the text explains."""

from __future__ import annotations

import json
import time

import pytest
from tiny_models import model_of

from attnviz.core.errors import InputError
from attnviz.models.model import load
from attnviz.models.tokenizers.open import open_tokenizer
from attnviz.models.tokenizers.tokenizer import TextTokenizer

pytest.importorskip("tokenizers")
pytest.importorskip("safetensors")

MOST_SECONDS = 3  # forty doublings would take memory until there is none
TEXT = "the cat eats"
A, B = ({"Sequence": {"id": name, "type_id": 0}} for name in "AB")


def replace(pattern, content):
    return {"type": "Replace", "pattern": pattern, "content": content}


def sequence(*steps, key="normalizers"):
    return {"type": "Sequence", key: list(steps)}


def template(single, ids=1):
    special = {"[CLS]": {"id": "[CLS]", "ids": [2] * ids, "tokens": ["[CLS]"] * ids}}
    return {"type": "TemplateProcessing", "single": single, "pair": [A, B], "special_tokens": special}


BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
CLS = {"SpecialToken": {"id": "[CLS]", "type_id": 0}}
ENDLESS = {
    "doubled by a text": {"normalizer": sequence(*[replace({"String": "a"}, "aa")] * 40)},
    "doubled by a pattern": {"normalizer": sequence(*[replace({"Regex": "a"}, "aa")] * 40)},
    "doubled in turns": {
        "normalizer": sequence(*[replace({"String": "a"}, "bb"), replace({"String": "b"}, "aa")] * 30)
    },
    "sequences in sequences": {"normalizer": sequence(*[sequence(*[replace({"String": "a"}, "aaaa")] * 3)] * 9)},
    "bytes of bytes": {"normalizer": sequence(replace({"String": "a"}, "猫"), *[BYTES] * 40)},
    "bytes of bytes in pieces": {"pre_tokenizer": sequence(*[BYTES] * 40, key="pretokenizers")},
    "a beginning of megabytes": {"normalizer": {"type": "Prepend", "prepend": "a" * 2_000_000}},
    "a replacement of megabytes": {"normalizer": replace({"String": "e"}, "a" * 2_000_000)},
    "the text a thousand times": {"post_processor": template([A] * 1000)},
    "ends of a million tokens": {"post_processor": template([*[CLS] * 1000, A], ids=1000)},
    "a prefix of megabytes": {"model": {"continuing_subword_prefix": "#" * 2_000_000}},
}
HARMLESS = {
    "patterns one after the other": {"normalizer": sequence(*[replace({"Regex": "  +"}, " ")] * 40)},
    "every form of Unicode": {
        "normalizer": sequence(*[{"type": kind} for kind in ("NFKD", "NFC", "NFKC", "Lowercase")])
    },
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny BERT with a tokenizer.json, and that file's content."""
    path = model_of(tmp_path_factory.mktemp("growth") / "bert", "bert")
    opened = open_tokenizer(path, json.loads((path / "config.json").read_text()))
    opened._tokenizer.save(str(path / "tokenizer.json"))
    # BERT's own class would put its ends in the place of those of a hostile file.
    settings = {"tokenizer_class": "PreTrainedTokenizerFast"}
    (path / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return path, json.loads((path / "tokenizer.json").read_text(encoding="utf-8"))


def write(folder, changes):
    path, document = folder
    changed = {key: document[key] | value if key == "model" else value for key, value in changes.items()}
    (path / "tokenizer.json").write_text(json.dumps(document | changed), encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", ENDLESS)
def test_growth_without_end_is_refused(folder, kind):
    """A tokenizer that makes a short text huge is refused by its name, before the memory is gone."""
    began = time.perf_counter()
    with pytest.raises(InputError, match=r"tokenizer\.json.*more than 64 times as long"):
        load(str(write(folder, ENDLESS[kind]))).attend(TEXT)
    assert time.perf_counter() - began < MOST_SECONDS


@pytest.mark.parametrize("kind", HARMLESS)
def test_steps_that_end_are_taken(folder, kind):
    """Many steps are no fault by themselves: what counts is the length of the text that they make."""
    assert load(str(write(folder, HARMLESS[kind]))).attend(TEXT).query[1].text == "the"


def test_charsmap_with_long_pieces():
    """A SentencePiece table of characters that puts a megabyte for a letter is refused, one that shortens is not."""
    tokenizers = pytest.importorskip("tokenizers")
    whole = tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0}, unk_token="a"))
    whole.normalizer = tokenizers.normalizers.Precompiled((0).to_bytes(4, "little") + b"x" * 3_000_000 + b"\0")
    with pytest.raises(InputError, match="64 times"):
        TextTokenizer(whole, "t.json").count(TEXT)
