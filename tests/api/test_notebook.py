"""In a notebook results show themselves: text, HTML and PNG of the same numbers; elsewhere nothing is loaded for it."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
from html import escape
from xml.etree import ElementTree

import numpy as np
import pytest

import attnviz
from attnviz import Attention, compare, run
from attnviz.api.notebook import VIEWS, View, show
from attnviz.core.errors import InputError, MissingError, OptionError
from attnviz.views.notebook_html import render_cells, render_forms
from attnviz.views.prepared.attention import prepare

HOSTILE = "</script><img src=x onerror=alert(1)> \x1b[2J & \"'"


def tree(fragment):
    """HTML without void elements, read as XML: it is well formed, or this raises."""
    return ElementTree.fromstring(fragment)


def test_cells_are_the_numbers():
    """The HTML table has every number of the prepared form in its place, on its colour, between its labels."""
    computed = run("the cat eats fish", heads=4, mask="causal")
    (form,) = prepare(computed)
    tables = list(tree(render_cells(form)).iter("table"))
    assert len(tables) == 4
    for table, panel in zip(tables, form.panels, strict=True):
        cells = [[cell.text for cell in row.iter("td")] for row in table.find("tbody")]
        assert cells == panel.texts(3)
        assert [row.find("th").text for row in table.find("tbody")] == list(panel.rows)
        assert [cell.text for cell in table.find("thead").iter("th")] == list(panel.columns)
        palette, places = panel.scale.palette(), panel.places()
        for i, row in enumerate(table.find("tbody")):
            for j, cell in enumerate(row.iter("td")):
                color = "#" + "".join(f"{part:02x}" for part in palette[round(places[i, j] * 255)])
                assert (f"background:{color}" in cell.get("style")) is (cells[i][j] != "·")


def test_hostile_tokens_are_text():
    """No token is markup, in a cell, a label, or a title."""
    computed = Attention.from_arrays(np.eye(2), [HOSTILE, "b"])
    fragment = render_forms(prepare(computed))
    assert "<img" not in fragment
    assert "</script>" not in fragment
    assert "\x1b" not in fragment
    assert escape("</script>") in fragment
    tree(fragment)


def test_nothing_from_elsewhere():
    """The fragment asks for nothing: no script, link, or address."""
    fragment = render_forms(prepare(run("猫吃鱼")))
    assert not re.search(r"<script|<link|<style|https?:|url\(|src=", fragment)


@pytest.mark.parametrize(
    "shown", [run("猫吃鱼", heads=2), compare("猫吃鱼", "鱼吃猫")], ids=["attention", "comparison"]
)
@pytest.mark.parametrize("view", ["figure", "table"])
def test_show(shown, view):
    """A view is a bundle that a notebook asks for; its text is a table."""
    found = show(shown, view)
    bundle = found._repr_mimebundle_(include=None, exclude=None)
    assert isinstance(found, View)
    assert "猫" in bundle["text/plain"] == str(found)
    if view == "figure":
        assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
    else:
        assert "<table" in bundle["text/html"]


def test_show_chooses():
    """Head and layer choose as on the command line."""
    computed = run("猫吃鱼", heads=4)
    assert "head: who acts" in str(show(computed, "table", head="who acts"))
    with pytest.raises(MissingError, match="head 9"):
        show(computed, "table", head="9")
    with pytest.raises(OptionError, match="Did you mean table"):
        show(computed, "tabel")


def test_show_takes_numbers():
    """Layers and heads are chosen by numbers too; what no result is refused."""
    attention = Attention.from_arrays(np.full((2, 2, 2, 2), 0.5), ["a", "b"])
    assert str(show(attention, "table", layer=0, head=0)) == str(show(attention, "table", layer="0", head="0"))
    assert "layer 0, head 0" in str(show(attention, "table", layer=0, head=0))
    with pytest.raises(InputError, match="not int"):
        show(3)
    with pytest.raises(OptionError, match="not 'layer'"):
        show(compare("猫吃鱼", "鱼吃猫"), layer=0)


def test_show_page():
    """The page stands in a frame, escaped as an attribute's value; that of an explanation is its sheet."""
    frame = show(Attention.from_arrays(np.eye(2), [HOSTILE, "b"])).forms["text/html"]
    assert frame.count('"') == 6
    assert "<img" not in frame
    assert "&lt;!doctype html&gt;" in show(attnviz.explain("猫吃鱼")).forms["text/html"].lower()
    assert VIEWS[0] == "page"


class Shell:
    """As much of a running IPython as is asked: which MIME types its display shows."""

    def __init__(self, *active):
        self.display_formatter = self
        self.active_types = active


def running(monkeypatch, shell):
    """Let this IPython run; matplotlib, where it is imported after this, asks for its version."""
    fake = type(sys)("IPython")
    vars(fake).update(get_ipython=lambda: shell, version_info=(9, 0, 0, ""))
    monkeypatch.setitem(sys.modules, "IPython", fake)


def test_bundle(monkeypatch):
    """A notebook gets all three forms of a small thing, picture and size of a large one; a terminal gets text alone."""
    small, large = run("猫吃鱼"), Attention.from_arrays(np.eye(60), None)
    for shell in (None, Shell("text/plain", "text/html", "image/png")):
        running(monkeypatch, shell)
        assert set(small._repr_mimebundle_()) == {"text/plain", "text/html", "image/png"}
        assert set(compare("猫吃鱼", "鱼吃猫")._repr_mimebundle_()) == {"text/plain", "text/html", "image/png"}
        assert set(large._repr_mimebundle_()) == {"text/plain", "image/png"}
        assert large._repr_mimebundle_()["text/plain"] == repr(large)
    running(monkeypatch, Shell("text/plain"))
    assert set(small._repr_mimebundle_()) == {"text/plain"}


@pytest.mark.parametrize("first", ["", "import IPython; "])
def test_no_import_cost(first):
    """Without IPython, or with one that does not run, importing attnviz loads no display, renderer or NumPy."""
    loaded = "[name in sys.modules for name in ('attnviz.api.result_methods', 'attnviz.core.attention_data')]"
    code = f"import sys; {first}import attnviz; print(*{loaded})"
    if first:
        pytest.importorskip("IPython")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, encoding="utf-8")
    assert done.stdout.split() == ["False", "False"], done.stderr


def test_public_names():
    """`show` and `View` are public."""
    assert attnviz.show is show
    assert attnviz.View is View


@pytest.mark.slow
def test_notebook(tmp_path):
    """A notebook that ends cells with results holds all their forms; what was imported first does not matter."""
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    cells = [
        "import attnviz\nattnviz.run('猫吃鱼')",
        "attnviz.compare('猫吃鱼', '鱼吃猫')",
        "attnviz.show(attnviz.run('猫吃鱼'), view='table')",
        "attnviz.show(attnviz.run('猫吃鱼'), view='figure')",
        "attnviz.explain('猫吃鱼')",
        "attnviz.run('猫吃鱼').show('table')\n0",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert [len(cell.outputs) for cell in notebook.cells] == [1] * 5 + [2]
    kinds = [set(cell.outputs[0]["data"]) for cell in notebook.cells]
    assert kinds[:2] == [{"text/plain", "text/html", "image/png"}] * 2
    assert kinds[2:4] == [{"text/plain", "text/html"}, {"text/plain", "image/png"}]
    assert kinds[4:] == [{"text/plain", "text/markdown", "image/png"}, {"text/plain", "text/html"}]
    assert "猫" in notebook.cells[0].outputs[0]["data"]["text/html"]
