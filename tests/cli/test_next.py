"""`next`, `fill` and `--generate`: what they print and save, and what they refuse."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest
from near import assert_apart, assert_near, assert_near64
from tiny_models import gguf_of, model_of

import attnviz
from attnviz.analysis.head_patterns import characters
from attnviz.core.errors import OptionError
from attnviz.models.model import load
from attnviz.views.page.sentences import in_each_language
from attnviz.views.prepared.next_tokens import draw_next

pytest.importorskip("tokenizers")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Tiny models by the name of their family."""
    made = {}

    def model(family):
        if family not in made:
            folder = tmp_path_factory.mktemp("models")
            made[family] = gguf_of(folder / "m.gguf") if family == "gguf" else model_of(folder / "tiny", family)
        return str(made[family])

    return model


@pytest.fixture
def good(call):
    """Run a command that succeeds; return what it printed."""

    def run(*arguments):
        code, out, err = call(*arguments)
        assert code == 0, err
        return out

    return run


@pytest.fixture
def printed(good):
    """What a command prints with --json."""
    return lambda *arguments: json.loads(good(*arguments, "--json"))


@pytest.mark.parametrize("family", ["llama", "gpt2", "gguf"])
def test_next_goes_on_with_the_likeliest(printed, models, family):
    """Each token is the likeliest after those before it, and each candidate has the probability that a pass gives."""
    found = printed("next", "the cat", "--model", models(family), "--steps", "4", "--top", "5")
    model, branch = load(models(family)), found["branches"][0]
    ids = [token["id"] for token in found["tokens"]]
    for token in branch["tokens"]:
        from attnviz.models.forward import Request

        logits = model.network.read(np.array(ids), Request(layers=(), logits=[-1])).logits[0].astype(np.float64)
        shares = np.exp(logits - logits.max())
        shares /= shares.sum()
        assert token["id"] == token["candidates"][0]["id"]
        assert_near(shares[token["id"]], shares.max())  # many have the same logits in a tiny model
        assert_near([one["probability"] for one in token["candidates"]], np.sort(shares)[::-1][:5])
        assert (token["rank"], token["index"], len(token["shares"])) == (0, len(ids), len(ids))
        assert_near(sum(token["shares"]), 1.0)
        ids.append(token["id"])
    assert_near64(branch["probability"], np.prod([token["probability"] for token in branch["tokens"]]))


def test_generate_shows_the_attention_of_the_whole(printed, models):
    """`run --generate` has the tokens of `next`, and the attention of one pass over them all."""
    for family in ("llama", "t5"):
        said = printed("next", "the cat", "--model", models(family), "--steps", "3")
        arguments = ("the cat", "--model", models(family), "--generate", "3", "--layer", "all", "--merge", "none")
        found = printed("run", *arguments)
        added = [token["id"] for token in said["branches"][0]["tokens"]]
        assert [token["id"] for token in found["tokens"]][-len(added) :] == added
        weights = np.array(found["weights"])
        row = load(models(family)).generate("the cat", steps=1)
        first = next(row)
        assert_near(weights[:, :, len(found["tokens"]) - len(added) - 1, : len(first.context)], first.weights, size=10)


def test_heads_are_named_by_what_they_add(models):
    """The attention of what was added has contributions, so that its small maps have the names of `heads`."""
    for family in ("llama", "t5"):
        said = attnviz.next_tokens("the cat", models(family), steps=3)
        assert said.attention.contributions is not None
        assert said.attention.contributions.shape == said.attention.weights.shape
        off = attnviz.next_tokens("the cat", models(family), steps=3, ablate="0.1", ablation="mean")
        assert off.attention.contributions is None
    said = attnviz.next_tokens("the cat", models("llama"), steps=3)
    names = [one for layer in characters(said.attention) for one in layer]
    assert names == [row.character for row in attnviz.heads(said.attention).rows]


def test_what_is_attended_to_is_a_share(models):
    """The colour bar of a picture is named for what it shows, which is no probability, in both languages."""
    numbers = draw_next(attnviz.next_tokens("the cat", models("gpt2"), steps=2)).numbers
    assert in_each_language(numbers) == {"en": "share attended to", "zh": "看的份额"}


def test_a_translation_attends_to_the_text(printed, models):
    """An encoder-decoder's tokens have shares over the tokens of the text, the same number in each step."""
    found = printed("next", "the cat", "--model", models("t5"), "--steps", "3")
    assert found["text"] == "the cat"
    assert {len(token["shares"]) for token in found["branches"][0]["tokens"]} == {len(found["tokens"])}


def test_branches_begin_with_the_candidates(printed, models):
    """The first branch is what one continuation is; each begins with the next of the likeliest."""
    options = ("the cat", "--model", models("llama"), "--steps", "3")
    one, three = printed("next", *options), printed("next", *options, "--branches", "3")
    assert three["branches"][0]["text"] == one["branches"][0]["text"]
    firsts = [branch["tokens"][0]["id"] for branch in three["branches"]]
    assert firsts == [each["id"] for each in one["branches"][0]["tokens"][0]["candidates"]][:3]


def test_drawing(printed, models):
    """The same seed draws the same; little temperature, or a small top-p, is the likeliest; no seed is seed 0."""
    options = ("next", "the cat", "--model", models("llama"), "--steps", "6")

    def ids(*more):
        return [
            token["id"] % 41 for token in printed(*options, *more)["branches"][0]["tokens"]
        ]  # 41 rows again and again

    hot = ids("--temperature", "3", "--seed", "1")
    assert hot == ids("--temperature", "3", "--seed", "1")
    assert hot != ids("--temperature", "3", "--seed", "2")
    assert ids("--temperature", "3") == ids("--temperature", "3", "--seed", "0")
    assert ids("--temperature", "0.0001") == ids() == ids("--temperature", "3", "--top-p", "0.000001")


def test_probabilities_are_the_models_own(good, models):
    """Where tokens are drawn by other probabilities than those that are shown, the caption says so; in Chinese too."""
    options = ("next", "the cat", "--model", models("llama"), "--lang")
    said = {"en": "the probabilities are the model's own, at temperature 1", "zh": "所示概率是模型自己的，温度为 1"}
    for language, words in said.items():
        for drawn in (("--temperature", "3"), ("--temperature", "1", "--top-p", "0.5")):
            assert "".join(words.split()) in "".join(good(*options, language, *drawn).split())
        for drawn in ((), ("--temperature", "1"), ("--temperature", "1", "--top-p", "1")):
            assert "".join(words.split()) not in "".join(good(*options, language, *drawn).split())


def test_a_single_added_token_is_one(call, models, tmp_path):
    """`--generate` says that one token was added, and of a text that ends at once that nothing else was."""
    code, _, err = call("run", "the cat", "--model", models("gpt2"), "--generate", "1")
    assert code == 0
    assert "Added by the model: 1 token: " in err
    folder = shutil.copytree(models("gpt2"), tmp_path / "ends")
    likeliest = attnviz.next_tokens("the cat", models("gpt2")).tokens[0].token.id
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": likeliest}))
    code, _, err = call("run", "the cat", "--model", str(folder), "--generate", "3")
    assert code == 0
    assert "Added by the model: only the end of its text." in err


def test_a_text_of_spaces_is_named(good, models):
    """A text that shows nothing stands in the heading as what it is."""
    assert "says after “␣␣”" in good("next", "  ", "--model", models("gpt2"))


def test_tokens_are_printed_as_they_come(good, models, monkeypatch):
    """Several steps have a line each, never wider than the screen, and then the whole text; one step has bars."""
    for width in (20, 40, 80, 160):
        monkeypatch.setenv("COLUMNS", str(width))
        out = good("next", "the cat", "--model", models("gpt2"), "--steps", "5")
        assert len(re.findall(r"^ +[1-5]  \S", out, flags=re.MULTILINE)) == 5
        assert max(map(len, out.splitlines())) <= width
        assert "%" in good("next", "the cat", "--model", models("gpt2"), "--top", "3")
        assert "branch" in good("next", "the cat", "--model", models("gpt2"), "--steps", "2", "--branches", "2")


@pytest.mark.parametrize("suffix", ["png", "svg", "html", "json", "csv", "npz", "md", "tex"])
def test_saved(good, call, models, tmp_path, suffix):
    """Each kind of file is written: pictures, the page and the arrays of the attention, rows and the document."""
    for steps, branches in (("1", "1"), ("3", "1"), ("3", "2")):
        path = tmp_path / f"x{steps}{branches}.{suffix}"
        options = ("--steps", steps, "--branches", branches, "--save", str(path))
        code, _, err = call("next", "the cat", "--model", models("llama"), *options)
        assert (code, "attention of the first branch" in err) == (0, suffix == "npz" and branches == "2"), err
        assert path.stat().st_size > 100
        if suffix == "npz":
            (attention,) = attnviz.load_weights(path)
            assert attention.weights.shape[-1] == len(attention.query) > 3
    good("fill", "the [MASK] ___", "--model", models("bert"), "--save", str(tmp_path / f"fill.{suffix}"))


@pytest.mark.parametrize(
    ("family", "text"),
    [
        ("bert", "the [MASK] eats"),
        ("bert", "the ___ eats"),
        ("roberta", "the [mask] eats"),
        ("roberta", "the <mask> eats"),
    ],
)
def test_fill(printed, models, family, text):
    """Every way to write a mask is read as the model's own; candidates are those of a pass, shares sum to 1."""
    from attnviz.models.forward import Request

    found = printed("fill", text, "--model", models(family), "--top", "4")
    model, (mask,) = load(models(family)), found["masks"]
    assert found["tokens"][mask["index"]]["piece"] in ("[MASK]", "<mask>")
    ids = np.array([token["id"] for token in found["tokens"]])
    logits = model.network.read(ids, Request(layers=(), logits=[mask["index"]])).logits[0].astype(np.float64)
    shares = np.exp(logits - logits.max())
    shares /= shares.sum()
    assert_near([one["probability"] for one in mask["candidates"]], shares[[one["id"] for one in mask["candidates"]]])
    assert_near([one["probability"] for one in mask["candidates"]], np.sort(shares)[::-1][:4])
    assert_near(sum(mask["shares"]), 1.0)
    assert found["filled"] != found["text"]


def test_several_masks(good, printed, models):
    """Each mask has candidates of its own, in the order of the text."""
    found = printed("fill", "the ___ eats the [MASK]", "--model", models("bert"))
    assert [found["tokens"][mask["index"]]["piece"] for mask in found["masks"]] == ["[MASK]"] * 2
    assert found["masks"][0]["index"] < found["masks"][1]["index"]
    told = good("fill", "the ___ eats the [MASK]", "--model", models("bert"))
    assert "each mask by itself: whatever stands at the others · -v: how it was computed\n" in told


@pytest.mark.parametrize(
    ("arguments", "family", "code", "words"),
    [
        (["next", "the cat"], None, 2, ["--model is missing"]),
        (["fill", "the [MASK]"], None, 2, ["--model is missing"]),
        (["next", "the cat"], "bert", 1, ["is an encoder", "attnviz fill"]),
        (["run", "the cat", "--generate", "2"], "bert", 1, ["is an encoder"]),
        (["fill", "the [MASK]"], "llama", 1, ["left to right", "attnviz next"]),
        (["fill", "the [MASK]"], "t5", 1, ["an encoder and a decoder", "attnviz next"]),
        (["fill", "the cat"], "bert", 1, ["no mask", "[MASK]", "___"]),
        (["next", "the cat", "--steps", "0"], "llama", 2, ["--steps", "from 1", "0"]),
        (["next", "the cat", "--steps", "1000"], "gpt2", 1, ["together with the text", "fewer steps"]),
        (["next", "the cat eats", "--steps", "14"], "gpt2", 1, ["takes at most 15", "steps: at most "]),
        (["next", "cat " * 400], "gpt2", 1, ["at most", "shorter text"]),
        (["next", "the cat", "--temperature", "0"], "llama", 2, ["--temperature", "above 0"]),
        (["next", "the cat", "--temperature", "nan"], "llama", 2, ["--temperature"]),
        (["next", "the cat", "--temperature", "1", "--top-p", "1.5"], "llama", 2, ["--top-p", "at most 1"]),
        (["next", "the cat", "--temperature", "1", "--top-p", "0"], "llama", 2, ["--top-p"]),
        (["next", "the cat", "--seed", "1"], "llama", 2, ["--seed goes with --temperature"]),
        (["next", "the cat", "--top-p", "0.5"], "llama", 2, ["--top-p goes with --temperature"]),
        (["next", "the cat", "--temperature", "1", "--seed", "-1"], "llama", 2, ["--seed", "at least 0"]),
        (["next", "the cat", "--branches", "10"], "llama", 2, ["--branches", "from 1 to 9"]),
        (["next", "the cat", "--top", "0"], "llama", 2, ["--top"]),
        (["next", ""], "llama", 1, ["empty or blank"]),
        (["next", "the", "cat"], "llama", 2, ["one text"]),
        (["next", "the cat", "--chat"], "llama", 1, ["chat template"]),
        (["next", "the cat", "--save", "x.txt"], "llama", 2, [".txt"]),
        (["run", "the cat", "--generate", "0"], "llama", 2, ["--generate", "from 1"]),
        (["run", "the cat", "--generate", "2", "--window", "4"], "llama", 2, ["--generate", "--window"]),
        (["run", "the cat", "--generate", "2", "--pair", "a"], "llama", 2, ["--generate", "--pair"]),
        (["run", "the cat", "--generate", "2", "--keys", "a"], "t5", 2, ["--keys", "--generate"]),
        (["run", "the cat", "--generate", "2", "--attention", "encoder"], "t5", 2, ["--generate", "encoder"]),
        (["run", "the cat", "--generate", "2"], None, 2, ["--generate goes with --model"]),
    ],
    ids=lambda value: " ".join(value)[:50] if isinstance(value, list) else str(value),
)
def test_refused(call, models, arguments, family, code, words):
    """Bad input is told in one line that says what was expected, in both languages."""
    model = [] if family is None else ["--model", models(family)]
    found, out, err = call(*arguments, *model)
    assert (found, out, err.count("\n")) == (code, "", 1)
    for word in words:
        assert word in err
    found, _, err = call("--lang", "zh", *arguments, *model)
    assert (found, err.count("\n")) == (code, 1)
    assert re.search("[\u4e00-\u9fff]{2}", err)


@pytest.mark.parametrize("command", [["next", "the"], ["fill", "the [MASK]"]])
def test_what_it_is_saved_as(call, models, tmp_path, command):
    """A suffix that is none of those is refused with all that are, before anything is computed."""
    model = models("gpt2" if command[0] == "next" else "bert")
    code, out, err = call(*command, "--model", model, "--save", str(tmp_path / "x.doc"))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "takes one of .png, .svg, .pdf, .eps, .html, .tex, .md, .json, .csv, .npz, not '.doc'" in err


def test_a_model_without_its_head(call, tmp_path):
    """A checkpoint that lacks the head says which tensor is missing, and what it was saved for."""
    safetensors = pytest.importorskip("safetensors.numpy")
    for family, command, lost in (("bert", ["fill", "the [MASK]"], "cls."), ("llama", ["next", "the"], "lm_head")):
        folder = model_of(tmp_path / family, family)
        arrays = safetensors.load_file(folder / "model.safetensors")
        kept = {name: array for name, array in arrays.items() if not name.startswith(lost)}
        safetensors.save_file(kept, folder / "model.safetensors")
        asks = (["lens", "the cat"], ["ablate", "the", "--answer", "cat"], ["patch", "the", "cat", "--answer", "cat"])
        for each in (command, *asks):
            code, _, err = call(*each, "--model", str(folder))
            assert (code, "has no head that gives words" in err) == (1, True), each


def test_in_python(models):
    """`next_tokens`, `fill` and `Model.generate` give results with the methods of all others."""
    result = attnviz.next_tokens("the cat", models("llama"), steps=3)
    assert result.added == result.branches[0].text
    assert len(result.to_frame()) == 30 if pytest.importorskip("pandas") else True
    assert json.loads(result.to_json())["schema"] == 1
    assert str(result).splitlines()[0].endswith("says after “the cat”")
    assert result.attention.weights.shape[-1] == len(result.attention.query)
    assert result.figure() is not None
    tokens = list(load(models("llama")).generate("the cat", steps=3))
    assert [one.token.id for one in tokens] == [one.token.id for one in result.tokens]
    filled = attnviz.fill("the ___", models("bert"))
    assert filled.candidates[0].probability >= filled.candidates[1].probability
    assert filled.figure() is not None
    with pytest.raises(OptionError, match="steps"):
        attnviz.next_tokens("the cat", models("llama"), steps=0)
    with pytest.raises(OptionError, match="generate"):
        attnviz.next_tokens("the cat", models("llama"), stepz=1)


def test_heads_switched_off(models):
    """A head that is switched off is off while tokens are added, too."""
    model = load(models("llama"))
    plain = [one.probability for one in model.generate("the cat", steps=3)]
    off = [one.probability for one in model.generate("the cat", steps=3, ablate=("0.*", "1.*"))]
    assert_apart(np.array(plain), np.array(off))


def test_an_answer_stands_alone(good, printed, models, tmp_path):
    """A chat model's answer is not run together with the message, and neither is a translation."""
    pytest.importorskip("jinja2")
    folder = tmp_path / "chat"
    shutil.copytree(models("gpt2"), folder)
    (folder / "chat_template.jinja").write_text("{% for m in messages %}{{ m['content'] }}!{% endfor %}")
    for model, chat in ((str(folder), ["--chat"]), (str(folder), []), (models("t5"), [])):
        said = attnviz.next_tokens("the cat", model, steps=2, chat=bool(chat))
        out = good("next", "the cat", "--model", model, "--steps", "2", *chat)
        answers = bool(chat) or model == models("t5")
        assert said.answers == answers
        assert said.whole == (said.added if answers else "the cat" + said.added)
        assert ("answers to “the cat”" in out, "says after “the cat”" in out) == (answers, not answers)
        assert any(line.startswith("the cat") for line in out.splitlines()) != answers
    settings = printed("next", "the cat", "--model", models("t5"))["settings"]
    assert (settings["attention"], settings["mask"]) == ("cross", "none")
    assert "cross-attention" in good("next", "the cat", "--model", models("t5"), "-v")
