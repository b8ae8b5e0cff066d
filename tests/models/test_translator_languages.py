"""The languages that a translator reads and writes: chosen by their codes, they stand where transformers puts them."""

from __future__ import annotations

import json
import lzma
import shutil

import pytest
from golden_models import MODELS
from near import assert_rows_sum_to_one
from paths import GOLDEN

from attnviz.core.errors import OptionError
from attnviz.models.continuation import Decoding
from attnviz.models.model import load

CASES = json.loads(lzma.decompress((GOLDEN / "languages.json.xz").read_bytes()))["cases"]


def translator(folder, case, model):
    """Write a tiny translator with a tokenizer that has languages, and open it."""
    config = json.loads((MODELS / model / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "decoder_start_token_id": 2}))
    shutil.copy(MODELS / model / "model.safetensors", folder)
    for file, text in CASES[case]["files"].items():
        (folder / file).write_text(text, encoding="utf-8")
    return load(folder)


@pytest.fixture
def nllb(tmp_path):
    """A tiny NLLB, which knows eng_Latn, fra_Latn and zho_Hans."""
    return translator(tmp_path, "nllb", "m2m_100")


def pieces(tokens):
    """The vocabulary's pieces of tokens."""
    return [token.piece for token in tokens]


def test_nllb_reads_and_writes_in_chosen_languages(nllb):
    """The source's token stands before the text; the target begins with the start token and its language's token."""
    found = nllb.attend("猫", keys="the cat", merge="none", source_language="zho_Hans", target_language="fra_Latn")
    assert pieces(found.key)[0] == "zho_Hans"
    assert pieces(found.key)[-1] == "</s>"
    assert pieces(found.query)[:2] == ["</s>", "fra_Latn"]
    plain = nllb.attend("猫", keys="the cat", merge="none")
    assert pieces(plain.key)[0] == "eng_Latn"
    assert pieces(plain.query)[0] == "</s>"
    assert "fra_Latn" not in pieces(plain.query)


def test_an_answer_begins_in_the_target_language(nllb):
    """What the model says itself begins with the language, in run and in next, and the text changes nothing of that."""
    answer = nllb.attend("猫", merge="none", target_language="zho_Hans")
    assert pieces(answer.query)[:2] == ["</s>", "zho_Hans"]
    first = next(iter(nllb.continuations("猫", nllb_options(target_language="zho_Hans"), Decoding(2))[0]))
    assert first.token.piece == "zho_Hans"


def nllb_options(**given):
    """Options of a run with a model."""
    from attnviz.models.options import Options

    return Options(**given)


def test_mbart_begins_with_the_language_itself(tmp_path):
    """In mBART the source's token stands after the text, and the target begins with its language's."""
    config = json.loads((MODELS / "mbart" / "config.json").read_text())
    files = CASES["mbart"]["files"]
    model = translator(tmp_path, "mbart", "mbart")
    assert json.loads(files["tokenizer_config.json"])["tokenizer_class"].startswith("MBartTokenizer")
    fitting = [
        code for code in ("ar_AR", "cs_CZ", "de_DE") if (model.tokenizer.id_of(code) or 99) < config["vocab_size"]
    ]
    found = model.attend("the cat", keys="a cat", merge="none", source_language=fitting[0], target_language=fitting[1])
    assert pieces(found.key)[-2:] == ["</s>", fitting[0]]
    assert pieces(found.query)[0] == fitting[1]
    assert "</s>" not in pieces(found.query)


def test_unknown_languages_are_named(nllb, tmp_path):
    """An error lists what the model knows, and what was meant."""
    with pytest.raises(OptionError, match="has no language 'chinese'; it has eng_Latn, fra_Latn, zho_Hans"):
        nllb.attend("猫", source_language="chinese")
    with pytest.raises(OptionError, match="Did you mean zho_Hans"):
        nllb.attend("猫", target_language="zho_Hant")
    with pytest.raises(OptionError, match="Did you mean eng_Latn"):
        nllb.tokens("猫", source_language="en")
    bert = tmp_path / "bert"
    bert.mkdir()
    for name in ("config.json", "model.safetensors"):
        shutil.copy(MODELS / "bert" / name, bert / name)
    with pytest.raises(OptionError, match="has no tokens of languages: target_language is for NLLB and mBART"):
        load(bert).attend("a", target_language="zho_Hans")


def test_a_language_is_opened_once(nllb):
    """Several texts in one language share one tokenizer, and the model itself stays as it was."""
    first = nllb.tokens("the", source_language="fra_Latn", merge="none")
    opened = nllb._speaking(nllb_options(source_language="fra_Latn"))
    assert nllb._speaking(nllb_options(source_language="fra_Latn")) is opened
    assert pieces(first.tokens)[0] == "fra_Latn"
    assert pieces(nllb.tokens("the", merge="none").tokens)[0] == "eng_Latn"


def test_rows_sum_to_one_with_a_language(nllb):
    """The attention over the changed tokens is computed as any other."""
    found = nllb.attend("猫吃鱼", source_language="zho_Hans", target_language="eng_Latn")
    assert_rows_sum_to_one(found.weights)
