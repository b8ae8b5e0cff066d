"""How a text is cut is a result as others are: it is printed, saved, shown, pickled and turned into data."""

from __future__ import annotations

import csv
import json
import pickle

import pytest
from tiny_models import model_of

import attnviz
from attnviz import cli
from attnviz.core.errors import OptionError
from attnviz.core.result import Result

TEXT = "the * |猫|"


@pytest.fixture(scope="module", params=["toy", "model"])
def found(request, tmp_path_factory):
    """The tokens of a text, by the toy and by a model that puts tokens around it."""
    if request.param == "toy":
        return attnviz.tokens(TEXT)
    pytest.importorskip("tokenizers")
    return attnviz.load(str(model_of(tmp_path_factory.mktemp("tokens") / "bert", "bert"))).tokens(TEXT)


def test_text_and_data(found, capsys):
    """It prints what the command line prints, and its document has the rows of its table."""
    assert isinstance(found, Result)
    if found.model is None:
        with pytest.raises(SystemExit):
            cli.main(["tokens", TEXT, "-v"])
        assert str(found).split() == capsys.readouterr().out.split()
    assert pickle.loads(pickle.dumps(found)).to_json() == found.to_json()
    assert [one["text"] for one in json.loads(found.to_json())["tokens"]] == [one.text for one in found.tokens]


def test_rows(found, tmp_path):
    """A .csv and a frame have a row a token: its number, text, span, pieces and ids, and what it is."""
    found.save(tmp_path / "x.csv")
    rows = list(csv.DictReader((tmp_path / "x.csv").read_text("utf-8-sig").splitlines()))
    assert list(rows[0]) == ["number", "text", "start", "end", "pieces", "ids", "special", "unknown"]
    assert [int(row["number"]) for row in rows] == list(range(len(found.tokens)))
    assert [row["special"] == "True" for row in rows] == list(found.special)
    assert [row["unknown"] == "True" for row in rows] == list(found.is_unknown)
    assert [int(number) for row in rows for number in row["ids"].split()] == list(found.ids)
    for row, token in zip(rows, found.tokens, strict=True):
        assert [row["start"], row["end"]] == ["" if at is None else str(at) for at in (token.start, token.end)]
    pytest.importorskip("pandas")
    frame = found.to_frame()
    assert (list(frame.columns), len(frame)) == (list(rows[0]), len(rows))
    assert frame["text"].tolist() == [token.text for token in found.tokens]


def test_tables_and_page(found, tmp_path):
    """A table has a row a token, and what would be a command in it is escaped."""
    for suffix in ("md", "tex", "html"):
        found.save(tmp_path / f"x.{suffix}")
    markdown = (tmp_path / "x.md").read_text("utf-8").splitlines()
    bars = [line.replace("\\|", "").count("|") for line in markdown if line.startswith("|")]
    assert len(bars) == 2 + len(found.tokens)
    assert len(set(bars)) == 1
    tex = (tmp_path / "x.tex").read_text("utf-8").splitlines()
    rows = [line for line in tex if line.endswith(r"\\")]
    assert len(rows) == 1 + len(found.tokens)
    assert not any(row.startswith(("[", "*")) for row in rows)
    page = (tmp_path / "x.html").read_text("utf-8")
    assert page.count('scope="row"') == len(found.tokens)
    assert "<script" not in page


def test_notebook(found):
    """A cell shows the table and the text."""
    forms = found._repr_mimebundle_()
    assert set(forms) == {"text/plain", "text/html"}
    assert forms["text/html"].count('scope="row"') == len(found.tokens)
    assert "<table" in str(attnviz.show(found).forms["text/html"])
    with pytest.raises(OptionError, match="view takes one of table"):
        attnviz.show(found, "figure")


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf", ".eps", ".npz"])
def test_no_picture(found, tmp_path, suffix):
    """A picture is refused in a line that names what can be saved, and nothing is left."""
    with pytest.raises(OptionError, match=r"one of \.html, \.tex, \.md, \.json, \.csv"):
        found.save(tmp_path / f"x{suffix}")
    with pytest.raises(OptionError, match=r"no picture\. Save one of \.html"):
        found.figure()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("option", ["head", "dpi", "digits", "title", "nonsense"])
def test_no_options(found, tmp_path, option):
    """Options of pictures and numbers are refused."""
    with pytest.raises(OptionError, match=f"no option '{option}'"):
        found.save(tmp_path / "x.md", **{option: 3})
