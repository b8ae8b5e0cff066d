"""Every result is saved, drawn, shown and turned into data by the same methods."""

from __future__ import annotations

import copy
import json
import pickle
import subprocess
import sys
import warnings
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from continuations import continuation
from matplotlib.colors import LinearSegmentedColormap, to_hex
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from tiny_models import model_of

import attnviz
from attnviz import Attention, FilledText
from attnviz.api import notebook
from attnviz.core.errors import MissingError, OptionError, OutputError

MAKERS = {
    "attention": lambda: attnviz.run("猫吃鱼", heads=4, mask="causal"),
    "comparison": lambda: attnviz.compare("猫吃鱼", "鱼吃猫"),
    "explanation": lambda: attnviz.explain("猫吃鱼", token="猫"),
    "heads explained": lambda: attnviz.explain("猫吃鱼", token="猫", head="all", heads=4),
    "lab": lambda: attnviz.lab("猫吃鱼", vary=["mask=none,causal"]),
    "distances": lambda: attnviz.by_distance("猫吃鱼", 32, vary=["position=none,alibi"]),
    "ablation": lambda: attnviz.ablate("猫吃鱼", "吃"),
    "heads": lambda: attnviz.heads(["猫吃鱼", "the cat"], heads=4),
    "costs": lambda: attnviz.cost([10, 1000], measure=lambda tokens, _: 1e-6 * tokens),
}
SUFFIXES = ("png", "svg", "pdf", "html", "md", "tex", "json", "csv")
BEGINNINGS = {"png": b"\x89png", "pdf": b"%pdf", "npz": b"pk", "html": b"<!doctype html>"}


@pytest.fixture(scope="module", params=MAKERS)
def named(request):
    """A name and a result."""
    return request.param, MAKERS[request.param]()


def test_save(named, tmp_path):
    """The suffix says what is written; another one is refused, and nothing is left."""
    name, result = named
    for suffix in (*SUFFIXES, *(("npz",) if name == "attention" else ())):
        path = tmp_path / f"x.{suffix}"
        assert result.save(path) is None
        assert path.read_bytes().lower().startswith(BEGINNINGS.get(suffix, b"")), suffix
    assert json.loads((tmp_path / "x.json").read_text("utf-8")) == json.loads(result.to_json())
    before = set(tmp_path.iterdir())
    with pytest.raises(OptionError, match="suffix"):
        result.save(tmp_path / "x.doc")
    with pytest.raises(OutputError, match="no folder"):
        result.save(tmp_path / "none" / "x.png")
    assert set(tmp_path.iterdir()) == before


def test_svg_with_text(named, tmp_path):
    """Every result's .svg keeps its words as text where that is asked."""
    named[1].save(tmp_path / "x.svg", svg_text=True)
    assert "<text" in (tmp_path / "x.svg").read_text("utf-8")


def test_saved_picture_is_the_command_lines(tmp_path):
    """`save` writes the bytes that the command line writes."""
    options = ["--heads", "4", "--head", "1", "--kind", "arcs", "--width", "9cm"]
    command = [sys.executable, "-m", "attnviz", "export", "猫吃鱼", str(tmp_path / "a.svg"), *options]
    subprocess.run(command, check=True, capture_output=True)
    attnviz.run("猫吃鱼", heads=4).save(tmp_path / "b.svg", head=1, kind="arcs", width="9cm")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_notebook_forms(named):
    """A cell shows every result as text, a picture, and a light table (but for curves), each below 100 kB."""
    name, result = named
    forms = result._repr_mimebundle_()
    table = {"explanation": "text/markdown", "heads explained": "text/markdown"}.get(name, "text/html")
    assert set(forms) == {"text/plain", "image/png"} | ({table} if name != "distances" else set())
    assert max(len(form) for form in forms.values()) < 110_000
    assert "<script" not in forms.get("text/html", "")


@pytest.mark.parametrize("steps", [1, 3])
def test_notebook_forms_of_a_continuation(steps):
    """A cell shows a continuation as rows: of one step the candidates, of several a row each, with bars."""
    result = continuation(steps)
    page = result._repr_mimebundle_()["text/html"]
    assert page.count("<tr>") == (1 + 4 + 1 + 5 if steps == 1 else 1 + steps)
    for one in result.tokens:
        assert f">{one.token.text}</th>" in page
    assert "linear-gradient(to right,rgba(33,145,140,.3) 50%,transparent 50%)" in page


def test_a_long_report_is_no_table(monkeypatch):
    """A table that would weigh more than a notebook should keep is left out; the picture stays."""
    report = attnviz.heads(["猫吃鱼"], heads=4)
    assert "text/html" in report._repr_mimebundle_()
    monkeypatch.setattr(notebook, "_MOST_LETTERS", 100)
    assert set(report._repr_mimebundle_()) == {"text/plain", "image/png"}


def test_figure(named):
    """A picture is matplotlib's Figure, for one's own changes; matplotlib's settings are as they were."""
    before = dict(plt.rcParams)
    figure = named[1].figure(style="dark")
    assert isinstance(figure, Figure)
    assert to_hex(figure.get_facecolor()) == "#14161a"
    assert dict(plt.rcParams) == before


def test_axes():
    """One map is drawn into one's own Axes as an image that a colour bar takes; forbidden cells stay empty."""
    result = attnviz.run("猫吃鱼", heads=4, mask="causal")
    figure, axes = plt.subplots(figsize=(4, 4), layout="constrained")
    image = result.figure(ax=axes, head=0)
    assert isinstance(image, AxesImage)
    shown = np.ma.getmaskarray(image.get_array())
    assert (shown == ~result.allowed).all()
    np.testing.assert_array_equal(np.asarray(image.get_array())[~shown], result.weights[0, 0][result.allowed])
    assert [label.get_text() for label in axes.get_xticklabels()] == ["猫", "吃", "鱼"]
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("query ↓", "key →")
    figure.colorbar(image, ax=axes)
    with pytest.raises(OptionError, match="one map"):
        result.figure(ax=axes)
    plt.close(figure)


@pytest.mark.parametrize("kind", ["arcs", "bars", "grid"])
def test_axes_of_other_kinds(kind):
    """Other kinds are drawn into one's own Axes too, and inside them; what was drawn is returned."""
    figure, axes = plt.subplots(figsize=(6, 4))
    drawn = attnviz.run("猫吃鱼", heads=2).figure(ax=axes, kind=kind)
    assert drawn
    assert all(artist.axes is axes for artist in drawn)
    left, right = axes.get_xlim()
    texts = [artist for artist in drawn if hasattr(artist, "get_text")]
    assert {"猫", "吃", "鱼"} <= {text.get_text() for text in texts} or kind == "grid"
    assert all(left <= text.get_position()[0] <= right for text in texts)
    plt.close(figure)


def test_axes_of_a_chart():
    """A single chart has a place in Axes; several have none."""
    figure, axes = plt.subplots()
    assert MAKERS["explanation"]().figure(ax=axes)
    with pytest.raises(OptionError, match="one chart"):
        MAKERS["ablation"]().figure(ax=axes)
    for name in ("comparison", "lab"):  # which have no layer or head to choose
        with pytest.raises(OptionError, match=r"one map.*Leave ax out"):
            MAKERS[name]().figure(ax=axes)
    plt.close(figure)


def test_text(named):
    """`str()` is what the command line prints; `repr()` stays on one line."""
    text = str(named[1])
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 100
    assert len(repr(named[1])) < 200
    assert "\n" not in repr(named[1])


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["explain", "猫吃鱼", "--token", "猫", "-v"], "explanation"),
        (["compare", "猫吃鱼", "鱼吃猫", "-v"], "comparison"),
        (["run", "猫吃鱼", "--heads", "4", "--mask", "causal", "-v"], "attention"),
        (["ablate", "猫吃鱼", "--token", "吃", "-v"], "ablation"),
        (["heads", "猫吃鱼", "the cat", "--heads", "4", "-v"], "heads"),
    ],
)
def test_text_is_the_command_lines(command, name, capfd):
    """The text is the same as in a pipe 100 columns wide, with all that -v says."""
    done = subprocess.run(
        [sys.executable, "-m", "attnviz", *command],
        env={"COLUMNS": "100", "PYTHONUTF8": "1", "PATH": "", "NO_COLOR": "1"},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    printed = "\n".join(line.rstrip() for line in done.stdout.splitlines())
    assert printed == str(MAKERS[name]())
    MAKERS[name]().show()
    assert capfd.readouterr().out.splitlines()[0].strip()


def test_frame(named):
    """A frame has the numbers of the CSV; a row a weight, a setting or a removal."""
    pytest.importorskip("pandas")
    frame = named[1].to_frame()
    assert len(frame)
    assert not frame.columns.duplicated().any()


def test_frame_without_pandas(named, monkeypatch):
    """Without pandas the error says how to get it."""
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingError, match="pip install pandas"):
        named[1].to_frame()


def test_pickle(named):
    """A result goes to another process and back."""
    back = pickle.loads(pickle.dumps(named[1]))
    assert back.to_json() == named[1].to_json()


def test_pickled_arrays_stay_read_only():
    """A copy is as frozen as what it was copied from."""
    result = attnviz.run("猫吃鱼", mask="causal")
    for back in (pickle.loads(pickle.dumps(result)), copy.copy(result), copy.deepcopy(result)):
        for array in (back.weights, back.allowed, back.output):
            assert not array.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            back.weights[0, 0, 0, 0] = 1


def test_pickle_of_a_continuation():
    """What computes its attention later carries the attention, not the open model; a changed copy keeps it too."""
    result = continuation(2)
    filled = FilledText("a [MASK]", "a cat", result.prompt, (), read=lambda: result.attention)
    for one in (result, filled):
        back = pickle.loads(pickle.dumps(one))
        assert back.to_json() == one.to_json()
        np.testing.assert_array_equal(back.attention.weights, result.attention.weights)
    again = replace(pickle.loads(pickle.dumps(filled)), text="b [MASK]")
    assert again.attention.weights.shape == result.attention.weights.shape


def test_pickle_of_a_model(tmp_path, monkeypatch):
    """An open model goes to another process by its reference, from whatever folder that runs in."""
    pytest.importorskip("tokenizers")
    model_of(tmp_path / "tiny", "bert")
    monkeypatch.chdir(tmp_path)
    model = attnviz.load("tiny")
    weights, pickled = model.attend("a b").weights, pickle.dumps(model)
    monkeypatch.chdir("/")
    np.testing.assert_array_equal(pickle.loads(pickled).attend("a b").weights, weights)
    assert len(pickled) < 1000


def test_unknown_option(named):
    """An option that a result does not have is refused by name, a near one is suggested."""
    for method in (named[1].figure, named[1].show, lambda **options: named[1].save("x.png", **options)):
        with pytest.raises(OptionError, match=r"not 'styl'\. Did you mean style"):
            method(styl="dark")


def test_options_are_pythons():
    """Numbers, False and single names are taken where the command line has words."""
    result = attnviz.run("猫吃鱼", heads=4)
    assert result.figure(width=5, head=1).get_size_inches()[0] == 5
    plain = [text.get_text() for text in result.figure(title=False, annotate=False, head=1).axes[0].texts]
    assert "toy embedding" not in " ".join(plain)
    assert not {".568", ".945"} & set(plain)
    with pytest.raises(MissingError, match="head 9"):
        result.figure(head=9)
    with pytest.raises(OptionError, match="from 1 to 9"):
        result.save("x.png", digits=12)


def test_what_a_reader_should_know_is_a_warning(tmp_path):
    """A letter that no font has is told as a warning; without such a thing there is none."""
    with pytest.warns(UserWarning, match="code points"):
        Attention.from_arrays(np.eye(2), ["𓀀", "b"]).save(tmp_path / "x.png")
    with pytest.warns(UserWarning, match="code points") as told:
        Attention.from_arrays(np.eye(2), ["𓀀", "b"]).figure()
    assert told[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        attnviz.run("猫吃鱼").save(tmp_path / "x.png")


def test_show_outside_a_notebook(capsys):
    """Outside a notebook `show` prints the text; a view is refused there."""
    attnviz.run("猫吃鱼").show()
    assert "猫" in capsys.readouterr().out
    with pytest.raises(OptionError, match="notebook"):
        attnviz.run("猫吃鱼").show("figure")


def test_limits_of_colours():
    """With the same limits the same number has the same colour in two pictures; what lies beyond has the end's."""
    weights = np.array([[0.5, 0.5], [0.9, 0.1]])
    narrow, wide = Attention.from_arrays(weights, ["a", "b"]), Attention.from_arrays(np.eye(2), ["a", "b"])
    figure, axes = plt.subplots(1, 2)
    first, second = (one.figure(ax=ax, vmin=0.2, vmax=0.8) for one, ax in zip((narrow, wide), axes, strict=True))
    assert first.get_clim() == second.get_clim() == (0.2, 0.8)
    assert first.to_rgba(0.9) == first.to_rgba(0.8)
    plt.close(figure)
    for wrong in ({"vmin": 0.8, "vmax": 0.2}, {"vmin": 0.99}, {"vmax": float("nan")}, {"vmax": 0.0}):
        with pytest.raises(OptionError, match="vm"):
            narrow.figure(**wrong)
    assert attnviz.lab("猫吃鱼", vary=["mask=none,causal"]).figure(vmax=0.5, cmap="magma").axes
    with pytest.raises(OptionError, match="kind arcs"):
        narrow.figure(kind="arcs", vmax=0.5)
    with pytest.raises(OptionError, match="each row"):
        narrow.figure(scale="row", vmax=0.5)


def test_a_list_of_texts():
    """A list of texts gives a list; what is no text in it is refused."""
    first, second = attnviz.run(["猫吃鱼", "the cat eats"], heads=2)
    assert first.to_json() == attnviz.run("猫吃鱼", heads=2).to_json()
    assert [token.text for token in second.tokens] == ["the", "cat", "eats"]
    with pytest.raises(OptionError, match="a list of texts with at least one, not"):
        attnviz.run([])
    with pytest.raises(attnviz.AttnvizError, match="text must be a text, or a list of texts"):
        attnviz.run(["猫吃鱼", 3])


def test_errors_speak_python():
    """In Python an error names arguments; on the command line, options; a whole command stays as it is."""
    with pytest.raises(OptionError, match="use embedding hash") as raised:
        attnviz.run("猫吃鱼", heads=3)
    assert "--embedding hash" in raised.value.localized()
    assert "--" not in str(raised.value)


def test_heads_by_their_names_in_any_language():
    """A head is found by its English and its Chinese name, whatever the language in use."""
    result = attnviz.run("猫吃鱼", heads=4)
    for name in ("who acts", "谁来做"):
        assert (result.select(head=name).weights == result.weights[:, :1]).all()


def test_a_figure_shows_itself_in_a_notebook():
    """A Figure at the end of a cell is a PNG there, also where pyplot was never loaded."""
    picture = attnviz.run("猫吃鱼").figure()._repr_png_()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) < 100_000


def test_forms_that_are_asked_for():
    """A notebook that wants some MIME types, or does not want some, gets those alone."""
    result = attnviz.run("猫吃鱼")
    assert set(result._repr_mimebundle_(include={"text/html"})) == {"text/html"}
    assert set(result._repr_mimebundle_(exclude={"image/png"})) == {"text/plain", "text/html"}
    assert result._repr_mimebundle_(include=["image/svg+xml"]) == {}


def test_an_attention_is_an_array():
    """NumPy takes an Attention for its weights, and a copy can be written to."""
    result = attnviz.run("猫吃鱼", heads=4)
    np.testing.assert_array_equal(np.asarray(result), result.weights)
    assert np.asarray(result, dtype=np.float64).dtype == np.float64
    assert np.array(result).flags.writeable
    assert repr(attnviz.run("猫")).startswith("<Attention 1 layer x 1 head x 1 query x 1 key: ")


def test_colour_maps_of_matplotlib():
    """A colour map is taken by its name or itself, also one that was made just now."""
    result = attnviz.run("猫吃鱼")
    named, itself = (
        result.figure(cmap=cmap).axes[0].collections[0].colors for cmap in ("magma", plt.get_cmap("magma"))
    )
    np.testing.assert_array_equal(named, itself)
    made = LinearSegmentedColormap.from_list("own", ["#ffffff", "#004488"])
    assert result.figure(cmap=made).axes
    with pytest.raises(OptionError, match="a colour map, or one of matplotlib’s, not"):
        result.figure(cmap=3)
