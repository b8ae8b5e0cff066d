"""`attnviz models`: the families that are computed, as a list and as data."""

import io
import json

import pytest
from rich.console import Console

from attnviz.cli import main
from attnviz.i18n.messages import message, speaking
from attnviz.models.families.coverage import computed_families
from attnviz.models.families.registry import FAMILIES, OTHER_NAMES, VISION_FAMILIES, VISION_PARTS
from attnviz.views.terminal.cell_width import cell_len
from attnviz.views.terminal.models_list import render_config, render_families, render_inventory
from attnviz.views.terminal.screen import Screen


@pytest.mark.parametrize("language", ["en", "zh"])
def test_models_lists_families(capsys, language):
    """`models --families` prints every family with its model_types, models and paper; --json the same as data."""
    with pytest.raises(SystemExit):
        main(["models", "--families", "--lang", language])
    out, err = capsys.readouterr()
    assert err == ""
    for one in computed_families():
        assert f"{one.family} ({', '.join(one.model_types)})" in out
    assert "arXiv:2503.19786" in out
    with pytest.raises(SystemExit):
        main(["models", "--families", "--json", "--lang", language])
    found = json.loads(capsys.readouterr().out)["families"]
    assert {name for one in found for name in one["model_types"]} == {
        *FAMILIES,
        *OTHER_NAMES,
        *VISION_FAMILIES,
        *VISION_PARTS,
    }


def test_families_of_one_model(capsys):
    """`--families` beside a model is refused in a line."""
    with pytest.raises(SystemExit) as end:
        main(["models", "x", "--families"])
    out, err = capsys.readouterr()
    assert (end.value.code, out) == (2, "")
    assert "takes no model, but 'x' came" in err


@pytest.mark.parametrize("width", [20, 40, 60, 80, 200])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_lists_fit_the_screen(width, language):
    """No line is wider than the screen but for a name to copy, none ends in a space, and every word is there."""
    screen = Screen(width, terminal=False)
    models = [("pkg:a_model_with_a_name", "bert", "6 x 12", "90.9 MB", ""), ("pkg:b", "", "", "1 MB", "no config.json")]
    keys = [
        ("hidden_size", message("honoured"), "384"),
        ("_name_or_path", message("ignored: a record"), '"' + "x" * 30),
    ]
    console = Console(width=width, file=io.StringIO(), color_system=None)
    with speaking(language):
        forms = (
            render_inventory(models, [(message("masks"), ("none", "causal", "window:K,causal"))], screen),
            render_config(message("masks"), keys, (), (message("ignored: it changes no number"),), screen),
            render_families([("BERT", "bert", "BERT, SBERT", "Devlin et al. 2019, arXiv:1810.04805")], screen),
        )
        for form in forms:
            console.print(form)
    lines = console.file.getvalue().splitlines()
    assert all(line == line.rstrip() for line in lines)
    assert [line for line in lines if cell_len(line) > width and " " in line.strip()] == []
    together = "".join("".join(lines).split())
    words = ("pkg:a_model_with_a_name", "90.9MB", "noconfig.json", "384", "x" * 30, "1810.04805", "window:K,causal")
    for word in words:
        assert word in together
