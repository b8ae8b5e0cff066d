"""Several layers and heads in lab, ablate, explain and compare: each has what it has alone, under its own number."""

from __future__ import annotations

import numpy as np
import pytest
from near import assert_near
from tiny_models import model_of

import attnviz
from attnviz import Attention
from attnviz.analysis import lab as laboratory
from attnviz.analysis.ablation import ablation_document, spearman
from attnviz.analysis.head_ablation import ablate_heads
from attnviz.analysis.lab import lab_document, lab_rows
from attnviz.core.errors import MissingError, OptionError
from attnviz.views.prepared.ablation import draw_ablation, prepare_ablation
from attnviz.views.prepared.head_ablation import list_head_ablation, prepare_head_ablation
from attnviz.views.prepared.lab import prepare_lab
from attnviz.views.prepared.presentation import PICTURE

PHONE = "我上周买的手机屏幕碎了"
TEXT = "the cat eats"
TEMPERATURES = ["temperature=1,2"]


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    """A tiny encoder of 3 layers of 4 heads."""
    return str(model_of(tmp_path_factory.mktemp("maps") / "bert", "bert"))


@pytest.mark.parametrize("head", [[0, 2], "0,2", np.array([0, 2]), (np.int64(0), 2), iter([0, 2])])
def test_heads_of_the_toy(head):
    """Each head of a list has the cells that it has alone, with one scale for all, and its name above them."""
    found = attnviz.lab(PHONE, heads=4, vary=["mask=none,causal"], head=head)
    names = ("who acts", "when and where")
    assert [(axis.name, axis.values) for axis in found.axes] == [("head", names), ("mask", ("none", "causal"))]
    assert found.head is None
    alone = [cell for one in (0, 2) for cell in attnviz.lab(PHONE, heads=4, vary=["mask=none,causal"], head=one).cells]
    for cell, other in zip(found.cells, alone, strict=True):
        np.testing.assert_array_equal(cell.weights, other.weights)
        assert (cell.bits, cell.blind_to, cell.values[1:]) == (other.bits, other.blind_to, other.values)
    form = prepare_lab(found)
    assert [str(panel.title) for panel in form.panels][:2] == ["head: who acts, no mask", "head: who acts, causal"]
    assert "2 of 4 heads" in [str(part) for part in form.caption]
    assert len({panel.scale for panel in form.panels}) == 1
    assert str(form.what) == "attention weights under 2 settings"
    document = lab_document(found)
    assert document["head"] is None
    assert [cell["head"] for cell in document["cells"]] == [name for name in names for _ in range(2)]
    assert "head" not in document["settings"]
    assert {row["head"] for row in lab_rows(found)} == set(names)


def test_heads_in_a_picture_of_two_axes():
    """Where the longer axis runs across, each head keeps its own block of grids."""
    found = attnviz.lab("猫吃鱼", heads=2, head="all", vary=["temperature=1,2,3", "mask=none,causal"])
    form = prepare_lab(found, PICTURE)
    assert form.across == 3
    titles = [str(panel.title) for panel in form.panels]
    expected = [(h, m, t) for h in (0, 1) for m in ("no mask", "causal") for t in (1, 2, 3)]
    assert titles == [f"head {h}, temperature {t}, {m}" for h, m, t in expected] or [
        title.split(", ")[1:] for title in titles
    ] == [[f"temperature {t}", m] for h, m, t in expected]
    assert [str(p.title).split(",")[0] for p in form.panels[:6]] == [titles[0].split(",")[0]] * 6


def test_heads_that_settings_do_not_share(monkeypatch):
    """Heads of other names are told by number; other numbers of heads, and more maps than anyone reads, are refused."""
    found = attnviz.lab("猫吃鱼", head=[1, 0], vary=["heads=2,4"])
    assert found.axes[0].values == (1, 0)
    with pytest.raises(OptionError, match="names other heads under other settings: 0, and 0, 1"):
        attnviz.lab("猫吃鱼", head="all", vary=["heads=1,2"])
    with pytest.raises(MissingError, match="no head 3"):
        attnviz.lab("猫吃鱼", head="0-3", heads=2)
    monkeypatch.setattr(laboratory, "MOST_MAPS", 3)
    with pytest.raises(OptionError, match="at most 3 maps: 2 settings of 2 layers and heads are 4"):
        attnviz.lab("猫吃鱼", head="0,1", heads=2, vary=TEMPERATURES)


def test_a_scheme_that_cannot_be_with_several_heads():
    """A position scheme that does not fit has a cell for each head that says so."""
    found = attnviz.lab("猫吃鱼", heads=4, head="0,1", dim=4, embedding="hash", vary=["position=none,rope"])
    assert [cell.problem is None for cell in found.cells] == [True, False] * 2


@pytest.mark.parametrize(
    ("layer", "head", "layers", "heads"),
    [
        ([0, 2], "1,3", (0, 2), (1, 3)),
        ("1-2", None, (1, 2), ("mean",)),
        (range(2), np.array([0]), (0, 1), (0,)),
        ([-1, 0], "mean", (2, 0), ("mean",)),
        ("all", [1, 0], (0, 1, 2), (1, 0)),
        (np.int64(1), 2, (1,), (2,)),
        ("2,0", 1, (2, 0), (1,)),
    ],
)
def test_layers_and_heads_of_a_model(bert, layer, head, layers, heads):
    """Each layer and head has the weights that run shows of it, and a setting's effect is that of its whole pass."""
    found = attnviz.lab_model(TEXT, bert, vary=TEMPERATURES, layer=layer, head=head)
    whole = attnviz.run(TEXT, model=bert, layers="all")
    maps = [(one, other) for one in layers for other in heads]
    assert len(found.cells) == 2 * len(maps)
    for (one, other), cell in zip(maps, found.cells[::2], strict=True):
        np.testing.assert_array_equal(cell.weights, whole.select(layer=one, head=other).weights[0, 0])
        assert_near(cell.effect.cosine, 1.0)
    assert len({cell.effect.cosine for cell in found.cells[1::2]}) == 1
    assert (found.layer, found.head) == (layers[0] if len(layers) == 1 else None, heads[0] if len(heads) == 1 else None)
    assert lab_document(found)["layer"] == found.layer
    assert {axis.name for axis in found.axes} == {
        "temperature",
        *(["layer"] if len(layers) > 1 else []),
        *(["head"] if len(heads) > 1 else []),
    }


def test_the_mean_of_a_models_layers(bert):
    """The mean over layers has the mean of their weights, and its caption says so."""
    found = attnviz.lab_model(TEXT, bert, vary=TEMPERATURES, layer="mean", head=2)
    whole = attnviz.run(TEXT, model=bert, layers="all").weights[:, 2].mean(axis=0)
    assert_near(found.cells[0].weights, whole)
    assert found.layer == "mean"
    assert "mean of 3 layers" in [str(part) for part in prepare_lab(found).caption]
    for wrong in ([0, 7], "0,7", 7):
        with pytest.raises(MissingError, match="no layer 7"):
            attnviz.lab_model(TEXT, bert, vary=TEMPERATURES, layer=wrong)
    with pytest.raises(OptionError, match="layers are whole numbers"):
        attnviz.lab_model(TEXT, bert, vary=TEMPERATURES, layer=[0, "mean"])


def test_masks_of_layers(bert):
    """A mask that only some layers are given stays theirs; where all may look, nothing is forbidden."""
    found = attnviz.lab_model(TEXT, bert, vary=["mask=causal"], layer="0,2", at=2)
    first, last = (cell.allowed for cell in found.cells)
    assert first is None or first.all()
    np.testing.assert_array_equal(last, np.tri(len(last), dtype=bool))
    free = attnviz.lab_model(TEXT, bert, vary=["mask=none"], layer="0,2")
    assert all(cell.allowed is None or cell.allowed.all() for cell in free.cells)


def test_weights_of_several_heads_beside_what_words_change():
    """Each head's weights stand beside their mean, each with its own correlation; what moves is the same."""
    found = attnviz.ablate(PHONE, "碎", heads=4, head=[0, 2])
    alone = [attnviz.ablate(PHONE, "碎", heads=4, head=one) for one in (0, 2)]
    assert found.heads == ("who acts", "when and where")
    for place, other in enumerate(alone):
        assert [one.by_head[place] for one in found.removals] == [one.weight for one in other.removals]
        assert [one.moved for one in found.removals] == [one.moved for one in other.removals]
        assert found.correlations[place] == other.correlation
    assert_near([one.weight for one in found.removals], np.mean([one.by_head for one in found.removals], axis=1))
    assert found.correlation == spearman([one.weight for one in found.removals], [one.moved for one in found.removals])
    form = prepare_ablation(found)
    titles = [str(column.title) for column in form.groups[0]]
    assert titles == ["mean weight", "head: who acts", "head: when and where", "changes the output by"]
    assert "mean of the heads who acts, when and where" in [str(part) for part in form.caption]
    assert any("who acts" in str(note) and "when and where" in str(note) for note in form.notes)
    assert len(draw_ablation(found).charts) == 4
    document = ablation_document(found)
    assert (document["head"], document["heads"]) == ("mean", list(found.heads))
    assert document["rows"][0]["weights"] == list(found.removals[0].by_head)
    masked = ablation_document(attnviz.ablate("猫吃鱼", "吃", heads=2, head="all", mask="causal"))
    assert masked["rows"][1]["weights"] is None
    assert "heads" not in ablation_document(alone[0])


def test_only_some_heads_removed():
    """By head, --head says which heads of the toy are removed."""
    whole = attnviz.ablate(PHONE, "碎", by="head", heads=4).removals
    some = attnviz.ablate(PHONE, "碎", by="head", heads=4, head=[1, 3]).removals
    assert some == (whole[1], whole[3])


def test_only_some_heads_of_a_model_switched_off(bert):
    """Of a model, layers and heads say which heads are switched off; each moves what it moves among all."""
    whole = ablate_heads(TEXT, bert)
    some = ablate_heads(TEXT, bert, layer="1-2", head=[0, np.int64(3)])
    pairs = [(layer, head) for layer in (1, 2) for head in (0, 3)]
    assert sorted(some.ranking()) == pairs
    for name in ("moved", "weight", "contribution"):
        part, full = getattr(some, name), getattr(whole, name)
        assert [part[pair] for pair in pairs] == [full[pair] for pair in pairs]
        assert np.isnan(part).sum() == full.size - 4
    assert (some.chosen, whole.chosen) == ((4, 12), None)
    assert str(list_head_ablation(some).heading) == "4 heads tried"
    assert str(list_head_ablation(some, top=3).heading) == "the 3 of the 4 heads tried that matter most"
    assert str(list_head_ablation(whole, top=99).heading) == "12 heads"
    assert any(str(part) == "4 of 12 heads tried" for part in prepare_head_ablation(some).caption)
    (panel,) = prepare_head_ablation(some).panels
    assert (panel.rows, panel.columns, panel.forbidden) == (("1", "2"), ("0", "3"), None)
    assert panel.values.tolist() == [[whole.moved[layer, head] for head in (0, 3)] for layer in (1, 2)]
    assert ablate_heads(TEXT, bert, layer="all", head="all").chosen is None
    for given in ({"head": "mean"}, {"layer": "mean"}):
        with pytest.raises(OptionError, match="mean of heads cannot be switched off"):
            ablate_heads(TEXT, bert, **given)
    for given in ({"head": "0,9"}, {"layer": [9]}):
        with pytest.raises(MissingError, match=r"no (head|layer) 9"):
            ablate_heads(TEXT, bert, **given)


@pytest.mark.parametrize("layer", [[0, 2], "0,2", np.array([0, 2]), range(0, 3, 2)])
def test_a_tuple_for_several_layers(bert, layer):
    """Explain and compare give one result for each of several layers, and one alone for one."""
    explained = attnviz.explain(TEXT, model=bert, layer=layer, token="cat", head=np.array([1, 2]))
    assert [one.layer for one in explained] == [0, 2]
    assert attnviz.explain(TEXT, model=bert, layer=np.int64(2), token="cat", head=1).layer == 2
    compared = attnviz.compare(TEXT, "eats the cat", model=bert, layer=layer)
    assert [one.layers for one in compared] == [(0,), (2,)]
    whole = [attnviz.run(text, model=bert, layers="all") for text in (TEXT, "eats the cat")]
    given = [Attention.from_arrays(one.weights, [token.text for token in one.query]) for one in whole]
    assert len(attnviz.compare(*given, layer=layer)) == 2
    pairs = attnviz.compare_models(TEXT, bert, layer=([0, 1], [1, 2]))
    assert len(pairs) == 2
    assert len(attnviz.explain("猫吃鱼", layer="all")) == 1
    with pytest.raises(MissingError, match="no layer 7"):
        attnviz.compare(TEXT, "eats the cat", model=bert, layer=[0, 7])
