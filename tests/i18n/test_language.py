"""Two languages: which one is spoken, and where; data and the library stay English."""

from __future__ import annotations

import subprocess
import sys

import pytest

from attnviz.cli.language import from_arguments, from_environment
from attnviz.i18n import messages
from attnviz.i18n.messages import in_language, language, listed, message, speaking, toy_name, use_language


@pytest.mark.parametrize(
    ("environment", "spoken"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_TW"}, "zh"),
        ({"LANG": "zh-Hans"}, "zh"),
        ({"LANG": "zh"}, "zh"),
        ({"LANG": "zh_TW.Big5@radical"}, "zh"),
        ({"LANG": "ZH_CN.utf8"}, "zh"),
        ({"LANG": "en_US.UTF-8"}, "en"),
        ({"LANG": "fr_FR.UTF-8"}, "en"),
        ({"LANG": "zhx"}, "en"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "POSIX"}, "en"),
        # LC_ALL before LC_MESSAGES before LANG; empty is not set
        ({"LC_ALL": "zh_CN", "LC_MESSAGES": "en_US", "LANG": "en_US"}, "zh"),
        ({"LC_ALL": "", "LC_MESSAGES": "zh_CN", "LANG": "en_US"}, "zh"),
        ({"LC_ALL": "", "LC_MESSAGES": "", "LANG": "zh_CN"}, "zh"),
        ({"LC_ALL": "en_US", "LC_MESSAGES": "zh_CN", "LANG": "zh_CN"}, "en"),
        ({"LC_MESSAGES": "de_DE", "LANG": "zh_CN"}, "en"),
        ({"LC_CTYPE": "zh_CN.UTF-8"}, "en"),
        # LANGUAGE before them all, but not in the C locale
        ({"LANG": "en_US.UTF-8", "LANGUAGE": "zh_CN:en"}, "zh"),
        ({"LANG": "en_US.UTF-8", "LANGUAGE": "fr:zh"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LANGUAGE": "en:zh"}, "en"),
        ({"LANG": "zh_CN.UTF-8", "LANGUAGE": "fr:de"}, "en"),
        ({"LANG": "zh_CN.UTF-8", "LANGUAGE": ""}, "zh"),
        ({"LANG": "C", "LANGUAGE": "zh"}, "en"),
        ({"LC_ALL": "POSIX", "LANG": "zh_CN", "LANGUAGE": "zh"}, "en"),
        ({"LC_ALL": "C.UTF-8", "LANG": "zh_CN", "LANGUAGE": "zh"}, "en"),
        ({"LANGUAGE": "zh"}, "en"),
    ],
)
def test_language_of_the_environment(environment, spoken):
    """POSIX's and gettext's precedence of the variables; every kind of Chinese is zh, all else en."""
    assert from_environment(environment) == spoken


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        ([], None),
        (["run", "猫"], None),
        (["--lang", "zh", "run"], "zh"),
        (["run", "--lang=zh", "猫"], "zh"),
        (["--lang", "zh", "run", "--lang", "en"], "en"),
        (["run", "--", "--lang", "zh"], None),
        (["run", "--lang"], None),
        (["run", "--lang", "fr"], "fr"),
        (["run", "--lang="], ""),
        (["run", "--language", "zh"], None),
    ],
)
def test_language_of_the_arguments(arguments, asked):
    """The last --lang before a lone -- counts, in both spellings."""
    assert from_arguments(arguments) == asked


def test_set_language():
    """Sentences come in the language that was set, str() stays English, and a wrong name is refused."""
    sentence = message("no mask")
    assert (language(), sentence.localized()) == ("en", "no mask")
    use_language("zh")
    assert (language(), sentence.localized(), str(sentence)) == ("zh", "无掩码", "no mask")
    with pytest.raises(ValueError, match="en, zh, not 'fr'"):
        use_language("fr")
    assert language() == "zh"


def test_speaking():
    """A language for a while, and for one sentence; what was before comes back, after an error too."""
    with speaking("zh"):
        assert message("no mask").localized() == "无掩码"
    assert language() == "en"
    with pytest.raises(KeyError), speaking("zh"):
        raise KeyError
    assert language() == "en"
    assert (in_language("no mask", "zh"), in_language("no mask", "en")) == ("无掩码", "no mask")


def test_fields():
    """Lists get the language's own marks, words are translated, what is unknown and its braces stay."""
    sentence = message(
        "There is no {kind} {wanted}: there are {names}.",
        kind=message("head"),
        wanted="{x}",
        names=listed([toy_name("who acts"), toy_name("{a}"), 3]),
    )
    assert str(sentence) == "There is no head {x}: there are who acts, {a}, 3."
    use_language("zh")
    assert "、{a}、3" in sentence.localized()
    assert "{x}" in sentence.localized()
    assert not set("there") <= set(sentence.localized())


def test_an_unknown_sentence_stays():
    """What the catalogue lacks is said in English, not left out; and nothing is the empty sentence."""
    use_language("zh")
    assert message("Quite {what}.", what="new").localized() == "Quite new."
    assert messages.translate("") == ""


def test_library_stays_english():
    """Importing and using attnviz reads no catalogue and speaks English, whatever the locale says."""
    code = (
        "import sys, attnviz; c = attnviz.compare('猫吃鱼', '鱼吃猫'); print(c.verdicts()[0].localized()[:17]);"
        "print('gettext' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"LANG": "zh_CN.UTF-8", "PATH": "", "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        check=True,
        encoding="utf-8",
    )
    assert done.stdout.split("\n")[:2] == ["Without positions", "False"]


def test_public_name():
    """`attnviz.set_language` sets the language that messages have; another one is told in a line."""
    import attnviz

    attnviz.set_language("zh")
    assert language() == "zh"
    with pytest.raises(attnviz.AttnvizError, match="one of en, zh, not None"):
        attnviz.set_language(None)


def test_no_space_between_chinese_words():
    """A field that is Chinese has no space beside Chinese; a name in other letters, and a reader's words, keep it."""
    template = "In {b}, “{query}” looks {amount} more at {key} than in {a}."
    for a, said in (
        (message("head {head}", head=3), "与头 3 相比，在"),
        ("模型", "与 模型 相比，在"),
        ("BERT", "与 BERT 相比，在"),
    ):
        told = messages.Message(template, {"a": a, "b": "B", "query": "q", "amount": ".1", "key": "k"})
        with speaking("zh"):
            assert told.localized().startswith(said + " B 中")
        assert str(told).endswith(f"than in {a}.")
