"""The page's modules become one script; what the bundler does not understand it refuses."""

from __future__ import annotations

import shutil
import subprocess
from importlib.resources import files

import pytest

from attnviz.views.page.bundle import bundle, parse

SCRIPT = files("attnviz.views.page").joinpath("script")
NAMES = sorted(path.name.removesuffix(".mjs") for path in SCRIPT.iterdir())
MODULES = {name: parse(name, SCRIPT.joinpath(f"{name}.mjs").read_text("utf-8")) for name in NAMES}


def bundle_of(folder, **modules):
    """Write modules to a folder and bundle them from `main` on."""
    for name, text in modules.items():
        (folder / f"{name}.mjs").write_text(text, encoding="utf-8")
    return bundle(folder, "main")


def printed(script):
    """What Node prints for a script that is no module."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    done = subprocess.run(["node"], input=script, capture_output=True, timeout=60, check=False, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_private_names_stay_apart(tmp_path):
    """Two modules may have the same private names, and each runs once, after those that it imports."""
    script = bundle_of(
        tmp_path,
        main='import { one } from "./one.mjs";\nimport {\n  two,\n  Both,\n} from "./two.mjs";\n'
        "const step = 3;\nconsole.log(one(), two, step, new Both().sum);\n",
        one='// Comment.\nconst step = 1;\nconsole.log("one");\nexport function one() {\n  return step;\n}\n',
        two='import { one } from "./one.mjs";\n/**\n * Comment * of / several.\n */\nconst step = 2;\n'
        "export const two = step + one();\nexport class Both {\n  get sum() {\n    return two;\n  }\n}\n",
    )
    assert printed(script) == "one\n1 3 3 3\n"
    assert "omment" not in script


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('import one from "./one.mjs";\n', "import or export"),
        ('import { one as two } from "./one.mjs";\n', "import or export"),
        ('import * as one from "./one.mjs";\n', "import or export"),
        ('import { one } from "one";\n', "import or export"),
        ('import "./one.mjs";\n', "import or export"),
        ('const one = await import("./one.mjs");\n', "import or export"),
        ("export default 1;\n", "import or export"),
        ("const one = 1;\nexport { one };\n", "import or export"),
        ("export let one = 1;\n", "import or export"),
        ("let one = 1;\n", "variable at the top level"),
        ("var one = 1;\n", "variable at the top level"),
        ("const one = `a\n// b`;\n", "template literal"),
        ('import { two } from "./one.mjs";\n', "imports two, which one.mjs does not export"),
        ('import { one } from "./one.mjs";\nimport { one } from "./one.mjs";\n', "twice"),
        ('import { main } from "./main.mjs";\n', "main -> main"),
        ('import { loop } from "./loop.mjs";\n', "main -> loop -> main"),
    ],
)
def test_refused(tmp_path, text, problem):
    """What a module loader would do otherwise is refused with its name."""
    loop = 'import { main } from "./main.mjs";\nexport const loop = 1;\n'
    with pytest.raises(ValueError, match=problem):
        bundle_of(tmp_path, main=text, one="export const one = 1;\n", loop=loop)


def test_missing_module(tmp_path):
    """An import of a file that is not there is an error."""
    with pytest.raises(FileNotFoundError):
        bundle_of(tmp_path, main='import { one } from "./one.mjs";\n')


def test_page_script():
    """The page's script holds every module of its folder, and Node can parse it."""
    script = bundle(SCRIPT, "main")
    assert [name for name in NAMES if f"const ${name} = " not in script] == []
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    done = subprocess.run(["node", "--check", "-"], input=script, capture_output=True, check=False, encoding="utf-8")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_module(name):
    """Each module is one that Node can parse, and every name that it exports is imported somewhere."""
    used = {each for module in MODULES.values() for each in module.imports.get(name, ())}
    assert set(MODULES[name].exports) == used
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    with SCRIPT.joinpath(f"{name}.mjs").open("rb") as file:
        done = subprocess.run(["node", "--check", file.name], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
