"""A sink that heads have learned is a column of its own, the last one, in whatever is shown or written."""

from __future__ import annotations

import json

import pytest
from golden_models import load as load_golden
from near import assert_near, assert_rows_sum_to_one
from tiny_models import model_of

from attnviz.analysis.head_patterns import characters
from attnviz.api.compare import compare
from attnviz.api.run import run
from attnviz.cli import main
from attnviz.core.token import SINK
from attnviz.io.read_data import read_attentions
from attnviz.io.write_data import attention_document, attention_npz
from attnviz.models.forward import forward
from attnviz.models.model import load

pytest.importorskip("tokenizers")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A tiny gpt-oss with a tokenizer."""
    return load(model_of(tmp_path_factory.mktemp("sink") / "tiny", "gpt_oss", "gpt2"))


def output_of(capsys, *arguments):
    """What a command prints."""
    with pytest.raises(SystemExit) as ended:
        main([*arguments])
    assert ended.value.code in (0, None)
    return capsys.readouterr().out


def test_the_last_key_is_the_sink(model):
    """The text's tokens and the sink are the keys of a self-attention whose rows sum to 1."""
    found = model.attend("the cat eats")
    assert found.has_sink
    assert not found.is_cross
    assert found.key == (*found.query, SINK)
    assert_rows_sum_to_one(found.weights)
    assert found.masks[..., -1].all()
    assert not found.masks[0, 0, 0, 1:-1].any()
    assert (found.weights[..., -1] > 0).all()


@pytest.mark.parametrize("how", ["none", "char", "word"])
def test_pieces_are_joined_beside_it(model, how):
    """Joining pieces leaves the sink's weight as it was, in the mean over a word's rows."""
    plain, joined = (model.attend("unhappiness eats the cat", merge=one) for one in ("none", how))
    assert joined.key == (*joined.query, SINK)
    assert_rows_sum_to_one(joined.weights)
    if how == "word":
        assert len(joined.query) < len(plain.query)
    else:
        assert_near(joined.weights, plain.weights)


def test_without_special_tokens(model):
    """--no-special leaves the column out; the caption says where its weight went."""
    found = model.attend("the cat", no_special=True)
    assert found.key == found.query
    assert found.provenance.hidden.pieces == (SINK.text,)
    whole = model.attend("the cat").weights
    assert_near(found.weights, whole[..., :-1])


def test_windows_share_the_column(model):
    """The column of a mean over windows is the mean of theirs."""
    found = model.attend("the cat eats the fish", window=3)
    assert found.has_sink
    assert_rows_sum_to_one(found.weights)
    assert found.masks[..., -1].all()


@pytest.mark.parametrize("ending", ["json", "npz"])
def test_files_keep_it(model, tmp_path, ending):
    """A file that is read again has the sink as its last key."""
    found = model.attend("the cat eats")
    path = tmp_path / f"a.{ending}"
    path.write_bytes(json.dumps(attention_document(found)).encode() if ending == "json" else attention_npz(found))
    (again,) = read_attentions(path)
    assert again.has_sink
    assert [token.start for token in again.key] == [token.start for token in found.key]
    assert_near(again.weights, found.weights)


def test_comparison_keeps_it(model):
    """Two texts are compared with the sink among the keys of both."""
    found = compare("the cat", "cat the the", model=model.reference)
    assert found.keys[-1] == SINK
    assert_rows_sum_to_one(found.runs[0].a[0])


def test_heads_have_characters(model):
    """What a head does is told of the words: the sink is no neighbour of the last one."""
    found = model.attend("cat")
    assert characters(found)[0][0] is not None


@pytest.mark.parametrize("view", ["table", "blocks", "top", "text"])
def test_every_view_has_the_column(model, capsys, view):
    """All views of the terminal show it."""
    shown = output_of(capsys, "run", "the cat", "--model", model.reference, "--view", view, "--head", "0")
    assert SINK.text in shown


def test_the_caption_and_the_explanation_say_what_it_is(model, capsys):
    """Both say that the sink is no word; --sinks marks it whatever it gets."""
    shown = " ".join(output_of(capsys, "run", "the cat", "--model", model.reference).split())
    assert "[SINK] is no word" in shown
    shown = " ".join(output_of(capsys, "run", "the cat", "--model", model.reference, "--sinks", "mark").split())
    assert "[SINK]” is a sink" in shown
    shown = " ".join(output_of(capsys, "explain", "the cat", "--model", model.reference, "--head", "0").split())
    assert "“[SINK]” is no word: its score is a number that the head has learned." in shown


@pytest.mark.parametrize("ending", ["svg", "html", "csv"])
def test_pictures_pages_and_tables_have_it(model, tmp_path, ending):
    """Each kind of file names the column."""
    path = tmp_path / f"a.{ending}"
    run("the cat", model=model.reference).select(head=0).save(path)
    written = path.read_text(encoding="utf-8")
    assert "SINK" in written or ending == "svg"


def test_only_routed_experts_are_read():
    """Of a layer's experts only those are read that some token is sent to."""

    class Watched(dict):
        """Tensors that say which rows were read."""

        def __init__(self, tensors):
            super().__init__(tensors)
            self.asked = set()

        def rows(self, name, indexes):
            self.asked.add((name, *map(int, indexes)))
            return self[name][indexes]

        def shape(self, name):
            return self[name].shape

    config, tensors, answers = load_golden("gpt_oss")
    watched = Watched(tensors)
    forward(config, watched, answers["text0_ids"][:1], layers=[0])
    experts = {asked[1] for asked in watched.asked if "experts.down_proj" in asked[0] and ".0." in asked[0]}
    assert len(experts) == config["num_experts_per_tok"]
