"""`--image`: a picture's patches in the commands that take one, and what does not go with it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from golden_models import MODELS, write_safetensors
from paths import GOLDEN


@pytest.fixture
def good(call):
    """Run a command that must succeed: its standard output."""

    def called(*arguments):
        code, out, _ = call(*arguments)
        assert code == 0
        return out

    return called


PICTURE = str(GOLDEN / "pictures" / "wide.png")


@pytest.fixture
def vit(tmp_path):
    """A folder with a tiny ViT."""
    found = dict(np.load(GOLDEN / "pictures" / "vit.npz"))
    (tmp_path / "config.json").write_text(str(found["config"]))
    tensors = {key.removeprefix("tensor:"): one for key, one in found.items() if key.startswith("tensor:")}
    write_safetensors(tmp_path / "model.safetensors", tensors)
    steps = {"image_processor_type": "ViTImageProcessor", "size": 12}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(steps))
    return str(tmp_path)


def test_patches_are_shown_in_every_view(good, vit, tmp_path):
    """The table, top and text of a patch, the numbers and the files have the patches as tokens."""
    table = good("run", "--image", PICTURE, "--model", vit, "--head", "0", "--view", "table")
    assert all(f"r{row}c{column}" in table for row in range(3) for column in range(3))
    assert "“r1c2”" in good("run", "--image", PICTURE, "--model", vit, "--token", "1,2", "--view", "text")
    assert "[CLS]" in good("run", "--image", PICTURE, "--model", vit, "--token", "[CLS]", "--view", "top")
    found = json.loads(good("run", "--image", PICTURE, "--model", vit, "--json"))
    assert (found["settings"]["picture"], found["settings"]["patches"]) == ("wide.png", [3, 3])
    files = [tmp_path / f"map.{suffix}" for suffix in ("png", "html", "csv")]
    good("run", "--image", PICTURE, "--model", vit, *(word for path in files for word in ("--save", str(path))))
    assert all(path.stat().st_size > 200 for path in files)
    assert "r0c0" in good("explain", "--image", PICTURE, "--model", vit, "--token", "1,1", "--cell", "0,0")
    good("export", "--image", PICTURE, str(tmp_path / "one.png"), "--model", vit)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([], "--model"),
        (["a cat", "--model", "MODEL"], "not several"),
        (["--keys", "a", "--model", "MODEL"], "--keys"),
        (["--merge", "word", "--model", "MODEL"], "--merge"),
        (["--labels", "a b", "--model", "MODEL"], "--labels"),
        (["--model", str(MODELS / "bert")], "reads texts"),
    ],
)
def test_what_does_not_go_with_a_picture(call, vit, given, words):
    """A text, and what is for texts, is refused in one line; so is a model of texts."""
    code, out, err = call("run", "--image", PICTURE, *(vit if one == "MODEL" else one for one in given))
    assert code != 0
    assert out == ""
    assert words in err
    assert err.count("\n") == 1


def test_a_text_for_a_model_of_pictures_names_a_command_that_works(call, good, vit):
    """The command of the hint shows the picture."""
    for command in ("run", "tokens", "heads"):
        code, out, err = call(command, "a cat", "--model", vit)
        assert code != 0
        assert (out, err.count("\n")) == ("", 1)
        assert f"attnviz run --image PICTURE --model {vit}" in err
    good("run", "--image", PICTURE, "--model", vit)


def test_the_map_over_the_picture(good, call, vit, tmp_path):
    """--view patches is what auto takes, --kind patches what a file holds; a text has neither."""
    given = ("--image", PICTURE, "--model", vit)
    auto = good("run", *given, "--token", "CLS")
    assert auto == good("run", *given, "--token", "[CLS]", "--view", "patches")
    assert "“[CLS]”" in auto
    files = [tmp_path / name for name in ("auto.svg", "map.svg", "mean.svg", "matrix.svg", "run.svg")]
    good("export", *given, str(files[0]), "--token", "1,2")
    good("export", *given, str(files[1]), "--token", "1,2", "--kind", "patches")
    good("export", *given, str(files[2]))
    good("export", *given, str(files[3]), "--kind", "heatmap")
    good("run", *given, "--token", "1,2", "--save", str(files[4]))
    auto, chosen, mean, matrix, run = (path.read_bytes() for path in files)
    assert auto == chosen == run
    assert len({auto, mean, matrix}) == 3
    assert "over wide.png" in good("export", *given, "--token", "1,2", "--alt")
    good("export", *given, str(tmp_path / "a.npz"))
    back = good("run", "--weights", str(tmp_path / "a.npz"), "--token", "CLS", "--head", "0")
    assert "“[CLS]”" in back
    for wrong in (["--view", "patches"], ["--kind", "patches", "--save", str(tmp_path / "x.png")]):
        code, out, err = call("run", "猫吃鱼", *wrong)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert "--image" in err
