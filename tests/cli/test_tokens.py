"""`attnviz tokens`: how a text is cut, as a table that fits the screen and as data; words over a model's pieces."""

from __future__ import annotations

import io
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from near import assert_rows_sum_to_one
from real_models import MINILM, SMOLLM2, needs_minilm, needs_smollm2
from rich.console import Console
from tiny_models import model_of

import attnviz
from attnviz.cli import main
from attnviz.core.attention_data import Token
from attnviz.core.errors import InputError, OptionError
from attnviz.core.tokenized_text import TokenizedText
from attnviz.text import word_spans as words_module
from attnviz.text.tokenize import TOKENIZERS
from attnviz.text.word_spans import reorder_words, spell_words, word_spans
from attnviz.toy import lexicon
from attnviz.views.prepared.tokens import prepare_tokens
from attnviz.views.terminal.cell_width import cell_len
from attnviz.views.terminal.screen import COLORS, Screen
from attnviz.views.terminal.tokens import render_tokens


def printed(capsys, *arguments):
    """What a command prints, and its notes."""
    with pytest.raises(SystemExit) as end:
        main(["tokens", *arguments])
    out, err = capsys.readouterr()
    assert not end.value.code, err
    return out, err


def test_the_toy(capsys):
    """The toy's words with their spans; what its lexicon lacks is marked as in a table of attention."""
    out, err = printed(capsys, "我上周买的手机 blorf", "--lang", "en")
    assert err == ""
    rows = [line.split() for line in out.splitlines()]
    assert ["1", "上周", "1–3"] in rows
    assert ["5", "blorf[?]", "8–13", "unknown"] in rows
    assert "我│上周│买│的│手机│ blorf[?]" in out


def test_saved(call, tmp_path, monkeypatch):
    """--save writes what the suffix says, a file a text; a picture is refused before anything is read."""
    monkeypatch.chdir(tmp_path)
    code, out, err = call("tokens", "猫吃", "鱼", "--lang", "en", "--save", "x.json", "--save", "x.csv")
    assert (code, err) == (0, "")
    assert "2 tokens" in out
    for i, text in enumerate(("猫吃", "鱼"), 1):
        one = attnviz.tokens(text)
        assert (tmp_path / f"x-{i}.json").read_text("utf-8").strip() == one.to_json().strip()
        one.save("y.csv")
        assert (tmp_path / f"x-{i}.csv").read_bytes() == (tmp_path / "y.csv").read_bytes()
    code, out, err = call("tokens", "猫", "--lang", "en", "--save", "x.png")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "takes one of .html, .tex, .md, .json, .csv, not '.png'" in err


@pytest.mark.parametrize("how", ["auto", *TOKENIZERS])
def test_every_cut(capsys, how):
    """Every way to cut gives run's own tokens, as data and in the table."""
    pytest.importorskip("rjieba")
    text = "我上周买的手机屏幕碎了。The cat's 3.5 fish!"
    document = json.loads(printed(capsys, text, "--tokens", how, "--json")[0])
    attention = attnviz.run(text, tokens=how)
    assert [(one["text"], one["start"], one["end"]) for one in document["tokens"]] == [
        (token.text, token.start, token.end) for token in attention.tokens
    ]
    assert document["text"] == text
    assert all(
        one["text"] in printed(capsys, text, "--tokens", how)[0] for one in document["tokens"] if how != "sentence"
    )


def test_several_texts_and_other_sources(capsys, tmp_path, monkeypatch):
    """Several texts make several tables, or an array; a file and standard input are read."""
    out, _ = printed(capsys, "猫吃鱼", "鱼吃猫", "--lang", "en")
    assert out.count("3 tokens") == 2
    assert len(json.loads(printed(capsys, "猫吃鱼", "鱼吃猫", "--json")[0])) == 2
    (tmp_path / "a.txt").write_text("猫吃鱼", encoding="utf-8")
    wanted = printed(capsys, "猫吃鱼")[0]
    assert printed(capsys, "--file", str(tmp_path / "a.txt"))[0] == wanted
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("猫吃鱼".encode()), encoding="utf-8"))
    assert printed(capsys, "-")[0] == wanted


def test_a_named_chat_template(capsys, tmp_path):
    """--chat-template chooses one of a model's templates by its name."""
    pytest.importorskip("jinja2", reason="jinja2 is not installed (the extra [chat])")
    folder = model_of(tmp_path / "model", "gpt2")
    named = [("short", "{{ messages[0].content }}"), ("long", "so: {{ messages[0].content }}")]
    templates = [{"name": name, "template": template} for name, template in named]
    settings = folder / "tokenizer_config.json"
    kept = json.loads(settings.read_text(encoding="utf-8")) if settings.exists() else {}
    settings.write_text(json.dumps({**kept, "chat_template": templates}), encoding="utf-8")
    given = ["cat", "--model", str(folder), "--chat", "--json", "--chat-template"]
    short, long = (len(json.loads(printed(capsys, *given, name)[0])["tokens"]) for name, _ in named)
    assert short < long


@needs_minilm
def test_a_model(capsys):
    """Pieces and ids, special and unknown ones; --merge, --pair and --no-special are followed."""
    text = "unaffable 猫 cats"
    document = json.loads(printed(capsys, text, "--model", MINILM, "--json")[0])
    assert [one["special"] for one in document["tokens"]] == [True, False, False, False, False, False, True]
    assert [one["unknown"] for one in document["tokens"]] == [False] * 4 + [True] + [False] * 2
    ids = [piece["id"] for one in document["tokens"] for piece in one["pieces"]]
    merged = json.loads(printed(capsys, text, "--model", MINILM, "--merge", "word", "--json")[0])
    assert [one["text"] for one in merged["tokens"]] == ["[CLS]", "unaffable", "猫", "cats", "[SEP]"]
    assert [piece["id"] for one in merged["tokens"] for piece in one["pieces"]] == ids
    shown = attnviz.run(text, model=MINILM, layers=[0], merge="word")
    assert [token.text for token in shown.query] == [one["text"] for one in merged["tokens"]]
    out, _ = printed(capsys, text, "--model", MINILM, "--no-special", "--lang", "zh")
    assert "[CLS]" not in out
    assert "未知" in out
    pair = json.loads(printed(capsys, "the cat", "--pair", "a fish", "--model", MINILM, "--json")[0])
    assert pair["text"] == "the cat\na fish"
    assert [pair["text"][one["start"] : one["end"]] for one in pair["tokens"] if not one["special"]] == [
        "the",
        "cat",
        "a",
        "fish",
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["猫", "--merge", "word"], "--merge goes with --model"),
        (["猫", "--words", "猫"], "--words goes with --model"),
        (["猫", "--chat"], "--chat goes with --model"),
        (["猫", "--model", "x", "--tokens", "char"], "--tokens is for the toy"),
        (["猫", "--tokens", "letters"], "--tokens takes one of"),
        ([" "], "empty or blank"),
        (["猫", "--layer", "1"], "--layer goes with: run"),
    ],
)
def test_bad_input(capsys, arguments, words):
    """What cannot be is said in one line."""
    with pytest.raises(SystemExit) as end:
        main(["tokens", *arguments, "--lang", "en"])
    err = capsys.readouterr().err
    assert end.value.code
    assert words in err
    assert err.count("\n") == 1


LABELS = st.text(st.sampled_from("ab 猫鱼é👍\u200d\n\t\x1b[$—"), min_size=1, max_size=30)


@st.composite
def cuts(draw):
    """Any tokens, with pieces and ids, special ones and long ones among them."""
    tokens, at, text = [], 0, ""
    for label in draw(st.lists(LABELS, min_size=1, max_size=6)):
        gap = draw(st.sampled_from(["", " ", "\n", "\n\n  "]))
        text += gap + label
        at += len(gap)
        special = draw(st.booleans())
        tokens.append(
            (Token(label, *((None, None) if special else (at, at + len(label))), piece=label, id=at), special)
        )
        at += len(label)
    pieces = tuple((token,) * draw(st.integers(1, 9)) for token, _ in tokens)
    special = tuple(one for _, one in tokens)
    return TokenizedText(
        text, tuple(token for token, _ in tokens), pieces, special, model=draw(st.sampled_from(["m", None]))
    )


@settings(max_examples=60)
@given(found=cuts(), width=st.integers(20, 120), colors=st.sampled_from(COLORS), ascii_only=st.booleans())
def test_nothing_is_wider_than_the_screen(found, width, colors, ascii_only):
    """Every line fits, whatever its letters; nothing acts on the terminal, and every token has a row."""
    screen = Screen(width=width, colors=colors, ascii=ascii_only)
    console = Console(width=width, file=io.StringIO(), force_terminal=False, color_system=None)
    console.print(render_tokens(prepare_tokens(found), screen))
    out = console.file.getvalue()
    assert all(cell_len(line) <= width for line in out.splitlines())
    assert "\x1b" not in out
    if width >= 40:
        assert all(re.search(rf"^ +{i}  ", out, flags=re.MULTILINE) for i in range(len(found.tokens)))


def test_colours_tell_tokens_apart():
    """With colours neighbours have different grounds; without, a line stands between them."""
    found = attnviz.tokens("猫吃鱼")
    plain = Console(width=80, file=io.StringIO(), color_system=None)
    plain.print(render_tokens(prepare_tokens(found), Screen(colors="none", ascii=True)))
    assert "猫|吃|鱼" in plain.file.getvalue()
    colored = Console(width=80, file=io.StringIO(), color_system="truecolor", force_terminal=True)
    colored.print(render_tokens(prepare_tokens(found), Screen()))
    line = colored.file.getvalue().splitlines()[1]
    assert len(set(re.findall(r"\x1b\[([0-9;]+)m[猫吃]", line))) == 2


@needs_smollm2
def test_chinese_words_over_characters(capsys):
    """--merge word joins characters to words, and --words as they are given: --token 手机 then works."""
    pytest.importorskip("gguf")
    text = "手机屏幕碎了"
    for options in ({"merge": "word"}, {"words": "手机 屏幕 碎 了"}):
        attention = attnviz.run(text, model=SMOLLM2, layers=[0], **options)
        assert [token.text for token in attention.query] == ["手机", "屏幕", "碎", "了"]
        assert_rows_sum_to_one(attention.weights)
    with pytest.raises(SystemExit) as end:
        main(["run", text, "--model", SMOLLM2, "--words", "手机 屏幕 碎 了", "--token", "手机", "--view", "top"])
    assert not end.value.code
    assert "手机" in capsys.readouterr().out
    compared = attnviz.compare("手机碎了", "碎了手机", model=SMOLLM2, words="手机 碎 了")
    assert [token.text for token in compared.tokens] == ["手机", "碎", "了"]
    assert compared.same_words


def test_words_without_rjieba(tmp_path, monkeypatch):
    """Where rjieba is not installed the lexicon's words join characters, and without those each stands by itself."""
    monkeypatch.setitem(__import__("sys").modules, "rjieba", None)
    assert word_spans("手机屏幕", lexicon.packaged()) == [(0, 2), (2, 4)]
    assert word_spans("手机", None) == [(0, 1), (1, 2)]
    model = str(model_of(tmp_path / "gpt2", "gpt2"))
    assert [token.text for token in attnviz.run("手机", model=model, layers=[0], merge="word").query] == ["手机"]


@pytest.mark.parametrize(
    ("words", "source", "spans"),
    [
        ("手机 屏幕 碎 了", "手机屏幕碎了", [(0, 2), (2, 4), (4, 5), (5, 6)]),
        ("the cat", " the  cat ", [(1, 4), (6, 9)]),
        ("NewYork is", "New York is", [(0, 8), (9, 11)]),
        ("猫 吃鱼", "猫\n吃鱼", [(0, 1), (2, 4)]),
    ],
)
def test_words_by_hand(words, source, spans):
    """Words that spell a text lie in it, white space aside."""
    assert spell_words(words, source) == spans


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("手机 碎 了", "at character 2 it has “屏幕碎了”, and they have “碎”"),
        ("手机 屏幕", "they end where “碎了” follows, at character 4"),
        ("手机 屏幕 碎 了 。", "it ends where they have “。”"),
        ("手机 屏幕 了 碎", "at character 4 it has “碎了”"),
        ("", "they end where “手机屏幕碎了” follows, at character 0"),
    ],
)
def test_words_that_do_not_spell_the_text(words, message):
    """Words that do not spell the text are refused, with the place where they differ."""
    with pytest.raises(OptionError, match="words must spell the text") as caught:
        spell_words(words, "手机屏幕碎了")
    assert message in str(caught.value.message) + str(caught.value)


@given(st.lists(st.sampled_from(["手机", "手", "机", "cat", "ca", "t", "碎了"]), min_size=1, max_size=7), st.randoms())
def test_the_same_words_in_another_order(words, chance):
    """Words are found again in any order of them."""
    other = list(words)
    chance.shuffle(other)
    found = reorder_words(" ".join(words), "".join(other))
    assert found is not None
    assert spell_words(found, "".join(other))
    assert set(found.split()) <= set(words)
    assert reorder_words(" ".join(words), "x" + "".join(other)) is None


def test_words_and_merge(tmp_path):
    """--words with --merge none is refused: one joins, the other does not."""
    model = str(model_of(tmp_path / "gpt2", "gpt2"))
    with pytest.raises(OptionError, match="joins nothing"):
        attnviz.run("the cat", model=model, words="the cat", merge="none")
    assert words_module.plain_word_spans("the cat") == [(0, 3), (4, 7)]


# known and unknown words, names, grammar, and what is made of these
WORDS = "猫 吃 鱼 the cat Big qwert , . New York Tom Qwx 's cat's 们 猫们 猫qz the's zzx.zzx 。 李明 Mr"
KINDS = st.sampled_from(WORDS.split(" "))


@settings(max_examples=30)
@given(
    st.lists(KINDS, min_size=1, max_size=6), st.sampled_from(["", " "]), st.sampled_from(["auto", *sorted(TOKENIZERS)])
)
def test_a_cut_is_that_of_a_run(words, between, how):
    """Tokens and the marks of unknown words are those of `run`, though no vector is made."""
    text = between.join(words)
    assert attnviz.tokens(text, tokens=how).tokens == attnviz.run(text, tokens=how).query


def test_a_cut_makes_no_vectors(monkeypatch, tmp_path):
    """Nothing is embedded and no file of vectors is read; one that is not there is still refused."""

    def fail(*_, **__):
        raise AssertionError

    monkeypatch.setattr("attnviz.toy.words.embed", fail)
    assert len(attnviz.tokens("the cat eats a fish. " * 2000, tokens="sentence").tokens) == 1
    (tmp_path / "x.vec").write_text("no vectors", encoding="utf-8")
    chosen = {"embedding": str(tmp_path / "x.vec")}
    assert [one.text for one in attnviz.tokens("猫吃", **chosen).tokens] == ["猫", "吃"]
    with pytest.raises(InputError, match="There is no file"):
        attnviz.tokens("猫吃", embedding=str(tmp_path / "y.vec"))
    (tmp_path / "z.vec").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        attnviz.tokens("猫吃", embedding=str(tmp_path / "z.vec"))
