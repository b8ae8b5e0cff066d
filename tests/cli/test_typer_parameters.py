"""Laws of the parameters: values are converted without pydantic, and shown the same with every typer."""

import subprocess
import sys
from pathlib import Path

import pytest

from attnviz import cli
from attnviz.cli.typer_parameters import ConvertedArgument, ConvertedOption, item_type


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["run", "猫吃鱼", "--heads", "2", "--save", "x.json"]]
)
def test_no_pydantic(arguments, tmp_path):
    """No command imports pydantic, which typer 0.29 converts values with: it takes longer than a table."""
    code = (
        "import sys, contextlib; from attnviz.cli import main\n"
        f"with contextlib.suppress(SystemExit): main({arguments!r})\n"
        "print(sorted(name for name in sys.modules if name.startswith('pydantic')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, timeout=60, check=True, encoding="utf-8"
    )
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", sorted(cli.COMMANDS))
def test_every_value_is_converted_here(name):
    """Each parameter of a command is a flag, or of a type that is converted here."""
    for parameter in cli.load_command(name).params:
        assert isinstance(parameter, ConvertedArgument | ConvertedOption)
        assert getattr(parameter, "is_flag", False) or parameter.item_type, parameter.name
        assert not parameter.required, "typer would convert it"


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        (int | None, int),
        (list[Path], Path),
        (list[str] | None, str),
        (float, float),
        (bool, None),
        (bytes | None, None),
    ],
)
def test_item_type(hint, expected):
    """The type of one value, in a list or not, given or not."""
    assert item_type(hint) is expected


@pytest.mark.parametrize(
    ("command", "usage"),
    [("run", "[TEXT]..."), ("compare", "[A B...]"), ("export", "[TEXT] FILE..."), ("explain", "[TEXT]")],
)
def test_usage_shows_the_metavar(capsys, command, usage):
    """The usage line has the metavar in single brackets, the panels the type of one value, and flags have none."""
    with pytest.raises(SystemExit):
        cli.main([command, "--help", "--lang", "en"])
    out = capsys.readouterr().out
    assert out.split("[OPTIONS] ")[1].splitlines()[0].rstrip() == usage
    assert "<str>" in out
    assert "<bool>" not in out
    assert "list[" not in out
