"""--merge sentence and line, and --parts: passages in every command that shows attention, and what cannot be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from near import assert_near, assert_rows_sum_to_one
from tiny_models import model_of

import attnviz

TEXT = "The cat eats the fish. The dog eats.\nWho eats?"


@pytest.fixture(autouse=True)
def parts(tmp_path, monkeypatch):
    """A folder with files of passages."""
    monkeypatch.chdir(tmp_path)
    Path("lines.txt").write_text("The cat eats the fish.\nThe dog eats.\nWho eats?\n", encoding="utf-8")
    Path("named.json").write_text('{"cat": "The cat eats the fish.", "dog": "The dog eats."}', encoding="utf-8")
    Path("gbk.txt").write_bytes("猫吃鱼。\n狗吃肉。".encode("gbk"))
    return tmp_path


@pytest.fixture
def decoder(tmp_path):
    """A tiny decoder."""
    pytest.importorskip("tokenizers")
    return str(model_of(tmp_path / "tiny", "llama"))


def weights_of(document):
    return [token["text"] for token in document["tokens"]], document["weights"]


def test_sentences_and_lines_of_the_toy(call):
    """The toy's words are joined to sentences or lines: rows sum to 1, and equal sums and means of the words'."""
    for how, expected in (
        ("sentence", ["The cat eats the fish.", "The dog eats.", "Who eats?"]),
        ("line", ["The cat eats the fish. The dog eats.", "Who eats?"]),
    ):
        code, out, err = call("run", TEXT, "--merge", how, "--json")
        assert (code, err) == (0, "")
        words, weights = weights_of(json.loads(out))
        assert words == expected
        assert_rows_sum_to_one(weights)
    attention = attnviz.run(TEXT)
    asked = [i for i, token in enumerate(attention.query) if token.start >= TEXT.index("Who")]
    assert_near(weights[0][0][1][1], attention.weights[0, 0][asked][:, asked].sum(axis=1).mean())


def test_sentences_of_a_model(call, decoder):
    """Pieces of a model are joined to sentences, in run, explain, export and compare; the caption says so."""
    code, out, err = call("run", TEXT, "--merge", "sentence", "--model", decoder, "--head", "0", "-v")
    assert (code, err) == (0, "")
    assert "rows and columns are sentences" in " ".join(out.split())
    assert "each row sums to 1" in " ".join(out.split())
    for arguments, within in (
        (("explain", TEXT, "--merge", "sentence", "--token", "1"), "Only the weights are known here"),
        (("compare", "A cat. A dog.", "A dog. A cat.", "--merge", "sentence"), "A dog."),
        (("compare", "A cat. A dog.", "A dog. A cat.", "--merge", "sentence", "--model", decoder), "A dog."),
    ):
        more = () if "--model" in arguments or arguments[0] == "compare" else ("--model", decoder)
        code, out, err = call(*arguments, *more)
        assert code == 0, err
        assert within in " ".join(out.split())


def test_passages_of_a_prompt(call, decoder):
    """The command run lists what the answer took from each passage; JSON has the shares, which sum to 1."""
    code, out, err = call("run", TEXT, "--parts", "named.json", "--model", decoder, "--generate", "2")
    assert code == 0, err
    assert "what “answer” took from each passage" in out
    assert ("by what" in out, "it added" in out) == (True, True)
    assert "“answer” took" in out
    code, out, _ = call("run", TEXT, "--parts", "named.json", "--model", decoder, "--generate", "2", "--json")
    document = json.loads(out)
    shares = document["passage_shares"]["shares"]
    assert [one["name"] for one in shares] == ["cat", "dog", "itself", "other text", "special tokens"]
    for measure in ("weight", "contribution"):
        assert_near(sum(one[measure] for one in shares), 1)
    (row,) = [i for i, token in enumerate(document["tokens"]) if token["text"] == "answer"]
    for kind, texts in (("passage", ["cat", "dog"]), ("itself", ["answer"]), ("other text", ["Who eats?"])):
        columns = [i for i, token in enumerate(document["tokens"]) if token["text"] in texts]
        mean = sum(head[row][i] for head in document["weights"][0] for i in columns) / len(document["heads"])
        assert_near(sum(one["weight"] for one in shares if one["kind"] == kind), mean)


def test_the_shares_are_those_of_next(decoder):
    """Shares by contribution are those that `next` has, of the row that predicts the next token."""
    text = "the cat eats the fish"
    step = attnviz.next_tokens(text, model=decoder).tokens[0]
    last = step.context[-1]
    first, end = text[: last.start].rstrip(), text[last.start :]
    shares = attnviz.passage_shares(attnviz.run(text, model=decoder, parts={"before": first, "end": end}))
    own = [i for i, token in enumerate(step.context) if token.start is not None and token.start >= last.start]
    before = [i for i, token in enumerate(step.context) if token.start is not None and i not in own]
    assert own == [len(step.context) - 1]
    assert_near(shares.rest[0].contribution, step.shares[own].sum())
    assert_near(shares.passages[0].contribution, step.shares[before].sum())


def test_next_tells_what_each_step_took(call, decoder):
    """With --parts `next` lists what was taken by the rows that predicted the tokens; the mean of the steps."""
    arguments = ("next", TEXT, "--parts", "named.json", "--model", decoder, "--steps", "3")
    code, out, err = call(*arguments)
    assert code == 0, err
    assert out.count("what “answer” took from each passage") == 1
    assert "branch 1" not in out
    code, out, _ = call(*arguments, "--branches", "2")
    assert [f"branch {n}: what “answer” took" in out for n in (1, 2, 3)] == [True, True, False]
    code, out, _ = call(*arguments, "--json", "--branches", "2")
    document = json.loads(out)
    assert code == 0
    for branch in document["branches"]:
        shares = branch["passage_shares"]["shares"]
        assert [one["kind"] for one in shares] == ["passage", "passage", "itself", "other text", "special tokens"]
        for measure in ("weight", "contribution"):
            assert_near(sum(one[measure] for one in shares), 1)
        inside = [
            i
            for i, token in enumerate(document["tokens"])
            if token["start"] is not None and token["start"] < TEXT.index(" The dog")
        ]
        mean = sum(one["shares"][i] for one in branch["tokens"] for i in inside) / len(branch["tokens"])
        assert_near(shares[0]["contribution"], mean)
    result = attnviz.next_tokens(TEXT, model=decoder, steps=2, parts=["Who eats?"])
    assert result.passages[0].passages[0].name == "P1"
    assert [token.text for token in result.attention.query][-1] == "answer"
    for step, expected in zip(result.tokens, (0, 1), strict=True):
        assert len(step.context) - len(result.prompt) == expected
    code, out, err = call(*arguments[:2], "--parts", "none.txt", *arguments[4:])
    assert (code, out, err.count("\n")) == (1, "", 1)


def test_passages_of_the_toy_and_of_weights(call):
    """The toy's words and given weights are joined too; a file without text has no lines."""
    code, out, err = call("run", TEXT, "--parts", "lines.txt", "--heads", "2")
    assert (code, err) == (0, "")
    assert "what “P3” took from each passage" in out
    assert call("export", TEXT, "words.json")[0] == 0
    code, out, err = call("run", "--weights", "words.json", "--parts", "lines.txt", "--json")
    assert code == 0, err
    assert json.loads(out)["passage_shares"]["answer"] == "P3"
    code, out, err = call("run", "--weights", "words.json", "--merge", "line")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "keeps no line ends" in err


@pytest.mark.slow
def test_files_of_passages_in_every_form(call):
    """Pictures, pages and tables have passages as rows, and the sentence that tells of the answer."""
    names = ("x.png", "x.svg", "x.html", "x.md", "x.csv", "x.npz")
    code, _, err = call("export", TEXT, *names, "--parts", "named.json", "--svg-text")
    assert code == 0, err
    assert "“dog” took" in Path("x.html").read_text(encoding="utf-8")
    assert ",cat,0,cat," in Path("x.csv").read_text(encoding="utf-8")
    assert "dog" in Path("x.svg").read_text(encoding="utf-8")


def test_passages_in_another_encoding(call):
    """--encoding is that of the file of passages too."""
    code, _, err = call("run", "猫吃鱼。狗吃肉。", "--parts", "gbk.txt")
    assert (code, err.count("\n")) == (1, 1)
    assert "--encoding gb" in err
    code, out, _ = call("run", "猫吃鱼。狗吃肉。", "--parts", "gbk.txt", "--encoding", "gbk", "--lang", "zh")
    assert code == 0
    assert "P2" in out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--parts", "lines.txt", "--merge", "sentence"), 2, "--merge joins them otherwise"),
        (("--parts", "lines.txt", "--reduce", "all"), 2, "--parts tells of one"),
        (("--parts", "none.txt"), 1, "There is no file 'none.txt'"),
        (("--parts", "."), 1, "a file was expected"),
        (("--parts", "lines.txt", "--token", "P9"), 1, "P9"),
        (("--merge", "word"), 2, "--merge goes with --model"),
        (("--merge", "none"), 2, "--merge goes with --model"),
        (("--merge", "sentence", "--show", "scores"), 1, "Leave --merge out"),
        (("--parts", "lines.txt", "--show", "qkv"), 1, "Leave --parts out"),
    ],
)
def test_what_does_not_go_together(call, arguments, code, said):
    """What cannot be is told in one line, with what to do."""
    found, out, err = call("run", TEXT, *arguments)
    assert (found, out, err.count("\n")) == (code, "", 1)
    assert said in err


def test_explain_takes_the_answer(call):
    """Of passages explain redoes the answer's row, unless another is named."""
    for more, row in (((), "P3"), (("--token", "P1"), "P1")):
        code, out, err = call("explain", TEXT, "--parts", "lines.txt", *more)
        assert code == 0, err
        assert f"How “{row}” looks at the words" in out


def test_numbers_have_no_passages(call):
    """A matrix has rows, and no text that passages could be found in."""
    Path("x.csv").write_text("1,0\n0,1\n", encoding="utf-8")
    for arguments in (("--parts", "lines.txt"), ("--merge", "sentence")):
        code, out, err = call("run", "--vectors", "x.csv", *arguments)
        assert (code, out, err.count("\n")) == (1, "", 1)
        assert "there is no text here" in err


def test_words_beside_sentences(call, decoder):
    """--words cuts into words, which sentences and passages are not."""
    for arguments in (("--merge", "sentence"), ("--parts", "lines.txt")):
        code, out, err = call("run", TEXT, "--words", TEXT, "--model", decoder, *arguments)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert "--words" in err


def test_passages_from_python():
    """Passages are a list or a mapping; another row is told of by its name."""
    attention = attnviz.run(TEXT, parts={"cat": "The cat eats the fish.", "asks": "Who eats?"})
    assert [token.text for token in attention.query] == ["cat", "The dog eats.", "asks"]
    shares = attnviz.passage_shares(attention)
    assert (shares.answer, [one.name for one in shares.passages]) == ("asks", ["cat"])
    assert attnviz.passage_shares(attention, "cat").answer == "cat"
    assert attnviz.passage_shares(attnviz.run(TEXT)) is None
    with pytest.raises(attnviz.AttnvizError, match="The passage P1 is not in the text"):
        attnviz.run(TEXT, parts=["The cow"])
    found = attnviz.compare("A cat. A dog. Who?", "A dog. A cat. Who?", parts=["A cat.", "A dog.", "Who?"])
    assert [token.text for token in found.tokens] == ["P1", "P2", "P3"]
