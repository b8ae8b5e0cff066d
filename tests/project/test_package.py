"""The package as a whole: it passes its own checks, and nothing heavy is loaded before it is used."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from paths import ROOT

HEAVY = ("numpy", "matplotlib", "noto_cjk_sans_otc", "rjieba")


def python(code):
    """The modules that are loaded after this code ran in a process of its own."""
    report = "import sys; print(chr(10) + chr(10).join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"], capture_output=True, timeout=60, check=False, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    return {name.split(".")[0] for name in done.stdout.split()} | set(done.stdout.split())


@pytest.mark.parametrize(
    ("module", "command"),
    [
        ("ruff", [sys.executable, "-m", "ruff", "check", "attnviz", "tests"]),
        ("mypy", [sys.executable, "-m", "mypy"]),
        ("importlinter", [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()"]),
    ],
)
def test_checks(module, command):
    """Style, types and layers hold: ruff, mypy --strict and import-linter find nothing."""
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=300, check=False, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr


CALL = "import contextlib, io\nfrom attnviz.cli import main\nwith contextlib.suppress(SystemExit), \
contextlib.redirect_stdout(io.StringIO()): main({arguments!r})"


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import attnviz", ("rich", "typer", "matplotlib", "noto_cjk_sans_otc", "rjieba")),
        (
            "import attnviz; attnviz.run('猫吃鱼', heads=4); attnviz.compare('猫吃鱼', '鱼吃猫')",
            ("rich", "typer", "matplotlib"),
        ),
        ("import attnviz.cli", HEAVY),
        (CALL.format(arguments=["--help"]), HEAVY),
        (CALL.format(arguments=["--version"]), HEAVY),
        (CALL.format(arguments=["run", "猫吃鱼"]), ("matplotlib", "noto_cjk_sans_otc", "rjieba")),
        (CALL.format(arguments=["explain", "猫吃鱼"]), ("matplotlib", "noto_cjk_sans_otc", "rjieba", "wcwidth")),
        (CALL.format(arguments=["run", "猫吃鱼"]), ("attnviz.explanation", "wcwidth", "hashlib")),
        (CALL.format(arguments=["run", "猫吃鱼", "--lang", "zh"]), ("attnviz.explanation", "wcwidth", "hashlib")),
        (CALL.format(arguments=["run", "猫吃鱼", "--json"]), ("matplotlib", "noto_cjk_sans_otc", "rjieba")),
        (
            "import attnviz\nfrom attnviz.views.figure.render import render_figure\n"
            "from attnviz.views.prepared.attention import prepare\n"
            "from attnviz.views.prepared.presentation import PICTURE\n"
            "render_figure(prepare(attnviz.run('猫吃鱼'), presentation=PICTURE)[0], 'png')",
            ("matplotlib.pyplot", "typer", "tkinter"),
        ),
    ],
    ids=[
        "attnviz",
        "run()",
        "attnviz.cli",
        "--help",
        "--version",
        "run",
        "explain",
        "run alone",
        "run in Chinese",
        "run --json",
        "render_figure",
    ],
)
def test_loads_nothing_heavy(code, absent):
    """What is not needed is not loaded: no NumPy for help, no matplotlib for a table, never pyplot."""
    loaded = python(code)
    assert "attnviz" in loaded
    assert not loaded & set(absent)


def test_public_names():
    """Every public name is there, and the list is in order."""
    import attnviz

    assert all(hasattr(attnviz, name) for name in attnviz.__all__)
    assert list(attnviz.__all__) == sorted(attnviz.__all__)


def test_typed():
    """The package says that it has types."""
    assert (Path(importlib.util.find_spec("attnviz").origin).parent / "py.typed").exists()


def test_architecture_names_the_packages():
    """The page on the architecture lists the packages in the order in which they may import each other."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert ["__main__", *re.findall(r"^\| `(\w+)` \|", page, flags=re.MULTILINE)[::-1]] == layers
