"""Generation: the tokens that transformers takes, by the function that every run of a translating model calls."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from golden_models import DOUBLE, MODELS
from golden_models import load as load_golden
from tiny_models import model_of

from attnviz.cli import main
from attnviz.core.errors import InputError
from attnviz.models.families.config import Configuration
from attnviz.models.forward import Network
from attnviz.models.generate import GenerationRules, generate, read_rules, start_token, with_defaults
from attnviz.models.model import load

pytest.importorskip("tokenizers")

TEXTS = ("text0", "text1", "text2")
SAID = 12  # the most tokens of the golden answers


def scores(*likely, size=8):
    """Logits [size] that fall in this order of tokens."""
    found = np.full(size, -9.0, np.float32)
    found[list(likely)] = -np.arange(len(likely), dtype=np.float32)
    return found


def model_for(tmp_path, name, **settings):
    """A golden model that can be asked by token ids: its tokenizer gives the ids that are written in the text."""
    folder = tmp_path / name
    shutil.copytree(MODELS / name, folder, ignore=shutil.ignore_patterns("answers.npz"))
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(config | {"max_length": SAID} | settings), encoding="utf-8")
    words = {f"n{number}": number for number in range(config["vocab_size"])}
    (folder / "tokenizer.json").write_text(
        json.dumps(
            {
                "version": "1.0",
                "added_tokens": [],
                "normalizer": None,
                "pre_tokenizer": {"type": "Whitespace"},
                "post_processor": None,
                "decoder": None,
                "model": {"type": "WordLevel", "vocab": words, "unk_token": "n2"},
            }
        ),
        encoding="utf-8",
    )
    # Nothing around the text: the family's own class would put a language's token there.
    settings_of_tokenizer = {"tokenizer_class": "PreTrainedTokenizerFast"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings_of_tokenizer), encoding="utf-8")
    return load(folder)


def ends_of(config):
    """The tokens that end a golden model's answer."""
    return Configuration(config).token_ids("eos_token_id")


def answer(model, ids):
    """The ids that the public path answers: the start token first, the end token left out."""
    found = model.attend(" ".join(f"n{number}" for number in ids), merge="none")
    return [token.id for token in found.query]


@pytest.mark.parametrize("name", DOUBLE)
@pytest.mark.parametrize("text", TEXTS)
def test_transformers_answers_the_same(tmp_path, name, text):
    """Model.attend takes the tokens that transformers takes, but for the end token, which attends to nothing more."""
    config, _, answers = load_golden(name)
    said = answers[f"{text}_said"].tolist()
    expected = said[:-1] if said[-1] in ends_of(config) else said
    assert answer(model_for(tmp_path, name), answers[f"{text}_ids"]) == expected


@pytest.mark.parametrize("name", DOUBLE)
def test_the_command_answers_the_same(tmp_path, capsys, name):
    """`attnviz run` shows the tokens that transformers takes, as the words that look at those of the text."""
    config, _, answers = load_golden(name)
    model_for(tmp_path, name)
    text = " ".join(f"n{number}" for number in answers["text0_ids"])
    with pytest.raises(SystemExit):
        main(["run", text, "--model", str(tmp_path / name), "--merge", "none", "--json"])
    document = json.loads(capsys.readouterr().out)
    said = answers["text0_said"].tolist()
    expected = said[:-1] if said[-1] in ends_of(config) else said
    assert [token["piece"] for token in document["tokens"]] == [f"n{number}" for number in expected]


@pytest.mark.parametrize("name", DOUBLE)
def test_transformers_generates_the_same(name):
    """`generate` takes the tokens that transformers takes, the end token among them."""
    config, tensors, answers = load_golden(name)
    network, rules = Network(config, tensors), read_rules(Configuration(config), limit=SAID)
    for text in TEXTS:
        hidden = network.encode(answers[f"{text}_ids"])
        said = answers[f"{text}_said"].tolist()
        assert generate(next_logits(network, hidden), said[:1], rules) == said


def next_logits(network, hidden):
    """The logits that follow some ids."""
    from attnviz.models.forward import Request

    return lambda ids: network.decode(np.array(ids), hidden, Request(layers=(), logits=[-1])).logits[0]


@pytest.mark.parametrize("keys", [None, "a fish"])
def test_the_encoder_runs_once(tmp_path, monkeypatch, keys):
    """One pass of the encoder serves every token of the answer, and the attention that is shown."""
    passes = []
    encode = Network.encode
    monkeypatch.setattr(Network, "encode", lambda self, ids: passes.append(len(ids)) or encode(self, ids))
    model = load(model_of(tmp_path / "tiny", "marian"))
    assert len(model.attend("the cat", keys=keys).query) > 1
    assert len(passes) == 1


def test_banned_words_of_a_model(tmp_path):
    """A token in bad_words_ids is never taken; without it this model says 23 again and again."""
    model = model_for(tmp_path, "marian", bad_words_ids=[[23]])
    _, _, answers = load_golden("marian")
    assert answer(model, answers["text0_ids"]) == [40, *[5] * 10]


def test_a_file_of_generation_settings(tmp_path):
    """generation_config.json goes before the config; token ids that it does not give are the config's."""
    model = model_for(tmp_path, "marian", bad_words_ids=[[5]])
    settings = {"bad_words_ids": [[23]], "forced_eos_token_id": 0, "max_length": 6, "eos_token_id": None}
    (tmp_path / "marian" / "generation_config.json").write_text(json.dumps(settings), encoding="utf-8")
    _, _, answers = load_golden("marian")
    assert answer(model, answers["text0_ids"]) == [40, 5, 5, 5, 5]


def test_a_given_target_begins_as_an_answer(tmp_path):
    """A target that is given follows the start token and the one that is forced after it."""
    model = model_for(tmp_path, "m2m_100")
    assert [token.id for token in model.attend("n3 n4", keys="n6 n8", merge="none").query] == [5, 7, 6, 8]
    assert [token.id for token in model.attend("n3 n4", merge="none").query][:2] == [5, 7]


@pytest.mark.parametrize(
    ("settings", "start"),
    [
        ({"model_type": "bart", "pad_token_id": 1}, 2),
        ({"model_type": "mbart", "bos_token_id": 7}, 7),
        ({"model_type": "mbart"}, 0),
        ({"model_type": "pegasus"}, 0),
        ({"model_type": "m2m_100"}, 2),
        ({"model_type": "blenderbot", "decoder_start_token_id": None}, 1),
        ({"model_type": "t5", "pad_token_id": 5}, 5),
        ({"model_type": "blenderbot-small", "decoder_start_token_id": 4}, 4),
    ],
)
def test_start_tokens_of_families(settings, start):
    """A config that is silent means its family's own start token."""
    assert start_token(Configuration(settings)) == start


@pytest.mark.parametrize(("family", "forced"), [("bart", 2), ("pegasus", 1), ("m2m_100", None), ("t5", None)])
def test_forced_ends_of_families(family, forced):
    """The longest answer ends with the token that the family forces, unless the config says null."""
    assert read_rules(Configuration(with_defaults({"model_type": family}))).last == forced
    silent = with_defaults({"model_type": family, "forced_eos_token_id": None})
    assert read_rules(Configuration(silent)).last is None


def test_no_start_token(tmp_path):
    """Without a start and a padding token Marian's default counts, which a small vocabulary does not have."""
    model = model_for(tmp_path, "marian", decoder_start_token_id=None, pad_token_id=None)
    with pytest.raises(InputError, match=r"no token 58100 .* 0 to 40"):
        answer(model, [3, 4])
    padded = model_for(tmp_path / "padded", "marian", decoder_start_token_id=None, pad_token_id=7)
    assert answer(padded, [3, 4])[0] == 7


def test_settings_that_are_not_applied(tmp_path):
    """A setting that would change the answer and is not followed is named."""
    model = model_for(tmp_path, "t5", repetition_penalty=1.5, no_repeat_ngram_size=0, guidance_scale=1)
    notes = [str(note) for note in model.attend("n3 n4").notes]
    assert notes[-1] == "Its generation settings also have repetition_penalty, which attnviz does not apply."


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("eos_token_id", "x"),
        ("eos_token_id", [1, -1]),
        ("bad_words_ids", [23]),
        ("bad_words_ids", [[]]),
        ("suppress_tokens", 1.5),
        ("forced_eos_token_id", True),
        ("max_length", 0),
        ("min_length", -1),
    ],
)
def test_settings_of_another_type(tmp_path, name, value):
    """A setting that cannot be read is refused in one line that names the file and the setting."""
    with pytest.raises(InputError, match=rf"t5.*{name}"):
        answer(model_for(tmp_path, "t5", **{name: value}), [3, 4])


def test_it_ends_at_any_end_token():
    """Each of several end tokens ends the answer."""
    for ends in (1, [7, 1]):
        rules = read_rules(Configuration({"eos_token_id": ends}))
        assert generate(lambda ids: scores((len(ids) == 3 and 1) or 4), [0], rules) == [0, 4, 4, 1]


def test_a_banned_sequence():
    """Only the last token of a sequence is banned, and only after the others; an end token alone cannot be."""
    rules = read_rules(Configuration({"bad_words_ids": [[2, 3, 4], [5], [1], [6, 99]], "max_length": 6}))
    assert rules.banned == ((2, 3, 4), (5,), (6, 99))

    def one_more(ids):
        return scores(5, {1: 2, 2: 3, 3: 4}.get(ids[-1], 7), 7)

    assert generate(one_more, [1], rules) == [1, 2, 3, 7, 7, 7]
    assert generate(one_more, [3], rules) == [3, 4, 7, 7, 7, 7]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"suppress_tokens": [4]}, [0, 5, 5, 5, 5]),
        ({"begin_suppress_tokens": [4]}, [0, 5, 4, 4, 4]),
        ({"forced_bos_token_id": 6}, [0, 6, 4, 4, 4]),
        ({"forced_bos_token_id": 6, "begin_suppress_tokens": [4]}, [0, 6, 5, 4, 4]),
        ({"forced_eos_token_id": 1}, [0, 4, 4, 4, 1]),
        ({"forced_eos_token_id": [3, 2]}, [0, 4, 4, 4, 2]),
        ({"forced_eos_token_id": 1, "max_new_tokens": 2}, [0, 4, 1]),
        ({"eos_token_id": 4}, [0, 4]),
        ({"eos_token_id": 4, "min_length": 3}, [0, 5, 5, 4]),
        ({"eos_token_id": 4, "min_new_tokens": 1}, [0, 5, 4]),
    ],
)
def test_rules(settings, expected):
    """Each setting does to these scores what transformers' processor of that name does."""
    rules = read_rules(Configuration(settings), limit=5)
    assert generate(lambda _: scores(4, 5), [0], rules) == expected


def test_the_limit():
    """The shortest of the settings', the caller's and the model's limits counts; a prompt as long is returned."""
    settings = Configuration({"max_length": 9})
    limits = [read_rules(settings, limit=limit, most=most).limit for limit, most in ((5, None), (20, None), (20, 7))]
    assert limits == [5, 9, 7]
    assert generate(lambda _: scores(4), [2, 3, 4], GenerationRules(ends=(1,), limit=3)) == [2, 3, 4]


def test_a_blank_target_is_not_the_model_s_fault(tmp_path):
    """What is wrong with the text names no file; a start token that is none names the model's."""
    with pytest.raises(InputError, match=r"^The text is empty"):
        load(model_of(tmp_path / "tiny", "t5")).attend("the cat", keys=" ")
    with pytest.raises(InputError, match=r"marian.*decoder_start_token_id"):
        model_for(tmp_path, "marian", decoder_start_token_id="x").attend("n3", keys="n4")
