"""`attnviz models`: the families that are computed, as a list and as data."""

import json

import pytest

from attnviz.cli import main
from attnviz.models.families.coverage import computed_families
from attnviz.models.families.registry import FAMILIES, OTHER_NAMES, VISION_FAMILIES, VISION_PARTS


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
