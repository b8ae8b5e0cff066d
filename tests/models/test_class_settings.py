"""What a tokenizer's class and settings make of its files: as transformers 5 has it."""

from __future__ import annotations

import json

import pytest
from paths import GOLDEN

pytest.importorskip("tokenizers")

from attnviz.models.tokenizers.open import open_tokenizer


def made():
    """The script that made the golden file, without transformers: for the folders that it writes."""
    source = (GOLDEN / "make_class_settings.py").read_text(encoding="utf-8").replace("import transformers\n", "")
    found = {"__file__": str(GOLDEN / "make_class_settings.py"), "__name__": "make_class_settings"}
    exec(compile(source, "make_class_settings", "exec"), found)
    return found


MADE = made()
IDS = json.loads((GOLDEN / "class_settings.json").read_text(encoding="utf-8"))["ids"]
CASES = list(zip(MADE["cases"](), IDS, strict=True))


def opened(folder):
    """A folder's tokenizer."""
    return open_tokenizer(folder, json.loads((folder / "config.json").read_text(encoding="utf-8")))


@pytest.mark.parametrize("step", [13, pytest.param(1, marks=pytest.mark.slow)])
def test_as_transformers_5(tmp_path, step):
    """Ends, letters, accents, prefixes and special tokens are those of the class and the settings."""
    for number, (case, expected) in enumerate(CASES[::step]):
        tokenizer = opened(MADE["folder_of"](tmp_path / str(number), case))
        assert [tokenizer.encode(text).ids.tolist() for text in MADE["texts_of"](case)] == expected, case


def folder(tmp_path, name, edits, settings):
    """A folder of BERT's kind whose tokenizer.json has these edits."""
    tokens = {f"{one}_token": piece for one, piece in MADE["BERTS"].items() if piece}
    return MADE["folder_of"](tmp_path, ("word piece", name, "bert", {**tokens, **settings}, edits))


def test_notes(tmp_path):
    """What no setting asked for is told: a class's own settings and its ends over those of tokenizer.json."""
    cased = folder(tmp_path / "1", "BertTokenizerFast", {"template": "be", "lowercase": False}, {})
    assert [str(note) for note in opened(cased).notes] == [
        "The class BertTokenizer sets do_lower_case = true, as in transformers: tokenizer.json says otherwise, and "
        "tokenizer_config.json nothing."
    ]
    asked = folder(tmp_path / "2", "BertTokenizerFast", {"template": "be", "lowercase": False}, {"do_lower_case": True})
    assert opened(asked).notes == ()
    bare = folder(tmp_path / "3", "BertTokenizerFast", {"template": "b"}, {})
    assert [str(note) for note in opened(bare).notes] == [
        "tokenizer.json puts [CLS] around a text; here it is [CLS], [SEP], as the class BertTokenizer has it in "
        "transformers 5."
    ]
    split = folder(tmp_path / "4", "BertTokenizerFast", {"template": "be"}, {"split_special_tokens": True})
    (note,) = opened(split).notes
    assert "split_special_tokens" in str(note)
    assert 4 not in opened(split).encode("the [MASK] cat").ids


def test_ends_of_two_texts(tmp_path):
    """Of two texts RoBERTa's kind doubles the end token, and XLNet's [CLS] stands after all."""
    for name, family, named, ends, segments in (
        ("XLMRobertaTokenizerFast", "xlm-roberta", MADE["NAMED"], ["<s>", "</s>", "</s>", "</s>"], [0] * 6),
        ("XLNetTokenizerFast", "xlnet", MADE["XLNETS"], ["<sep>", "<sep>", "<cls>"], [0, 0, 1, 1, 2]),
    ):
        settings = {f"{one}_token": piece for one, piece in named.items()}
        place = MADE["folder_of"](tmp_path / family, ("unigram", name, family, settings, {"template": "-"}))
        encoded = opened(place).encode("the", "cat")
        assert [token.piece for token in encoded.tokens if token.start is None] == ends
        assert encoded.segments.tolist() == segments
