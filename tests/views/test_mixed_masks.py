"""Layers and heads with masks of their own: each view marks each head's forbidden cells, and only those."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from golden_models import load as load_golden
from page_blocks import inflate

import attnviz
from attnviz.cli import main
from attnviz.core.attention_data import Attention, Token
from attnviz.models.forward import forward
from attnviz.views.figure.render import render_figure
from attnviz.views.page.render import render_page
from attnviz.views.prepared.attention import prepare
from attnviz.views.prepared.pooled_grid import fit_grid
from attnviz.views.prepared.shaded_text import shade_words
from attnviz.views.prepared.style import Style
from attnviz.views.prepared.top_links import find_top_links

WORDS = tuple(Token(word) for word in ("one", "two", "three", "four", "five", "six"))
FORBIDDEN_SIGN = "·"


def made(*, by_head=True):
    """An attention of 2 layers x 3 heads: causal, window of 2, window of 3, and others in the second layer."""
    size = len(WORDS)
    full, causal = np.ones((size, size), bool), np.tri(size, dtype=bool)
    windows = [causal & ~np.tri(size, k=-width, dtype=bool) for width in (2, 3, 4)]
    if by_head:
        allowed = np.array([[causal, windows[0], windows[1]], [windows[2], full, causal]])
    else:
        allowed = np.array([[windows[0]], [causal]])
    raw = np.random.default_rng(3).random((2, 3, size, size)) * allowed + 1e-3 * allowed
    weights = (raw / raw.sum(axis=-1, keepdims=True)).astype(np.float32)
    return Attention(WORDS, WORDS, weights, allowed=allowed, provenance=attnviz.run("猫").provenance)


ATTENTIONS = {"by layer and head": made(), "by layer": made(by_head=False)}


@pytest.fixture(params=ATTENTIONS)
def attention(request):
    """An attention whose masks differ."""
    return ATTENTIONS[request.param]


def printed(capsys, *arguments):
    """What a command prints, in lines."""
    with pytest.raises(SystemExit) as end:
        main([str(one) for one in arguments])
    out, err = capsys.readouterr()
    assert not end.value.code, err
    return out.splitlines()


@pytest.fixture
def file(attention, tmp_path):
    """The same attention in a file."""
    path = tmp_path / "mixed.npz"
    np.savez(path, weights=attention.weights, tokens=[word.text for word in WORDS], allowed=attention.allowed)
    return path


def panels_of(attention):
    """The prepared panels with the layer and head that each is of."""
    (form,) = prepare(attention)
    places = [(i, j) for i in range(len(attention.layers)) for j in range(len(attention.heads))]
    return list(zip(places, form.panels, strict=True)), form


def test_every_panel_has_its_own_mask(attention):
    """A prepared panel forbids what its head forbids; so do the small grid and the strongest links made of it."""
    for (i, j), panel in panels_of(attention)[0]:
        allowed = attention.masks[i, j]
        np.testing.assert_array_equal(np.zeros_like(allowed) if panel.forbidden is None else panel.forbidden, ~allowed)
        np.testing.assert_array_equal(fit_grid(panel, 200).forbidden, ~allowed)
        for row, links in enumerate(find_top_links(panel, 9)):
            assert len(links.links) == allowed[row].sum()


@pytest.mark.parametrize("view", ["table", "blocks"])
def test_tables_and_blocks(attention, file, capsys, view):
    """Each head's part of the output has as many marks as its head forbids cells, row by row."""
    lines = printed(capsys, "run", "--weights", file, "--layer", "all", "--head", "all", "--view", view)
    words = {word.text for word in WORDS}
    rows = [line for line in lines if line.split() and line.split()[0] in words and re.search(r"[·█▓▒░.]", line)]
    counts = [line.count(FORBIDDEN_SIGN) for line in rows]
    wanted = (~attention.masks).sum(axis=-1)
    assert sum(counts) == wanted.sum()  # heads may stand side by side


def test_top_lists_no_forbidden_key(attention, file, capsys, monkeypatch):
    """The strongest keys of a row are among those that its head may look at."""
    monkeypatch.setenv("COLUMNS", "300")
    lines = printed(capsys, "run", "--weights", file, "--layer", "all", "--head", "all", "--view", "top", "--top", "6")
    words = [word.text for word in WORDS]
    rows = [line.split() for line in lines if line.split()[:1] and line.split()[0] in words]
    assert len(rows) == attention.masks[..., 0].size
    for row, allowed in zip(rows, attention.masks.reshape(-1, len(WORDS)), strict=True):
        looked = {part for part in row[1:] if part in words}
        assert looked <= {word for word, may in zip(words, allowed, strict=True) if may}


def test_text_shades_by_each_mask(attention):
    """In the text view the words that a word cannot look at have no shade, head by head."""
    _, form = panels_of(attention)
    shaded = shade_words(form, attention, "three")
    row = [word.text for word in WORDS].index("three")
    for (i, j), panel in zip([(i, j) for i in range(2) for j in range(3)], shaded.panels, strict=True):
        forbidden = np.zeros(len(WORDS), bool) if panel.forbidden is None else panel.forbidden[0]
        np.testing.assert_array_equal(forbidden[: len(WORDS)], ~attention.masks[i, j, row])


@pytest.mark.parametrize("kind", ["heatmap", "grid"])
def test_pictures_hatch_each_mask(attention, kind):
    """A picture of all heads differs from one without masks, and so does that of each head with forbidden cells."""
    free = replace(attention, allowed=None)

    def picture(one):
        (form,) = prepare(one)
        return render_figure(form, "svg", Style(kind=kind))[0]

    assert picture(attention) != picture(free)
    for i, layer in enumerate(attention.layers):
        for j, head in enumerate(attention.heads):
            chosen = {"layer": layer, "head": head}
            same = picture(attention.select(**chosen)) == picture(free.select(**chosen))
            assert same == attention.masks[i, j].all()


def test_the_page_holds_each_mask(attention):
    """A saved page has each head's mask, and that of the mean: what any head may look at."""
    page = render_page(attention)
    head = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1])
    blocks = re.findall(r'<script type="text/plain" id="block-\d+">(.*?)</script>', page)
    masks = []
    for sheet in head["sheets"]:
        if sheet["mask"] < 0:
            masks.append(np.zeros((6, 6), bool))
        else:
            bits = np.unpackbits(np.frombuffer(inflate(blocks[sheet["mask"]]), np.uint8), count=36)
            masks.append(bits.reshape(6, 6).astype(bool))
    wanted = [mask for layer in ~attention.masks for mask in (*layer, np.logical_and.reduce(layer, axis=0))]
    assert len(masks) == len(wanted)
    for found, expected in zip(masks, wanted, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_files_hold_each_mask(attention, file, capsys, tmp_path):
    """CSV leaves forbidden weights empty, JSON and .npz hold every mask, and reading them back gives the same."""
    printed(
        capsys,
        "export",
        "--weights",
        file,
        tmp_path / "a.csv",
        tmp_path / "a.json",
        tmp_path / "a.npz",
        "--layer",
        "all",
    )
    rows = list(csv.reader(io.StringIO((tmp_path / "a.csv").read_text(encoding="utf-8-sig"))))[1:]
    empty = np.array([row[-1] == "" for row in rows]).reshape(attention.weights.shape)
    np.testing.assert_array_equal(empty, ~attention.masks)
    document = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    allowed = np.broadcast_to(np.array(document["allowed"]), attention.weights.shape)
    np.testing.assert_array_equal(allowed, attention.masks)
    for name in ("a.json", "a.npz"):
        np.testing.assert_array_equal(attnviz.load_weights(tmp_path / name)[0].masks, attention.masks)


@pytest.mark.parametrize("name", ["qwen2-window", "smollm3-window", "gemma2"])
def test_a_model_with_sliding_layers(name):
    """All layers and one of them have the same masks: those of each layer's own window."""
    config, tensors, answers = load_golden(name)
    every = forward(config, tensors, answers["text0_ids"])
    masks = np.broadcast_to(every.allowed, every.weights.shape)
    assert len({mask.tobytes() for mask in masks[:, 0]}) > 1
    for number in every.layers:
        alone = forward(config, tensors, answers["text0_ids"], layers=[number])
        np.testing.assert_array_equal(np.broadcast_to(alone.allowed, alone.weights.shape)[0], masks[number])
