"""Choose the language of a command's output: that of --lang, else that of the environment."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping

from attnviz.core.errors import unknown_choice
from attnviz.i18n.messages import LANGUAGES, replace_sentences, use_language

_FALLBACK = "en"


def choose_language(arguments: Iterable[str], environment: Mapping[str, str]) -> None:
    """Set the language before anything is said: typer makes its help and errors while it reads the arguments.

    The last --lang wins, wherever it stands before a lone --; without one the environment's language does, unless
    standard output cannot write it. Raises OptionError for a language there is not.
    """
    replace_sentences(None)  # until a picture is read
    own = from_environment(environment)
    use_language(own if own == _FALLBACK or _can_write("中文") else _FALLBACK)
    asked = from_arguments(arguments)
    if asked is not None:
        if asked not in LANGUAGES:
            raise unknown_choice("--lang", asked, LANGUAGES)
        use_language(asked)


def from_arguments(arguments: Iterable[str]) -> str | None:
    """Return the value of the last --lang before a lone --, or None; typer reports a --lang without a value.

    >>> from_arguments(["run", "猫", "--lang=en", "--lang", "zh", "--", "--lang=fr"])
    'zh'
    """
    found = None
    words = iter(arguments)
    for word in words:
        if word == "--":
            break
        if word == "--lang":
            found = next(words, found)
        elif word.startswith("--lang="):
            found = word.removeprefix("--lang=")
    return found


def from_environment(environment: Mapping[str, str]) -> str:
    """Return the language of messages that the environment asks for: zh for any kind of Chinese, else en.

    The locale is LC_ALL, else LC_MESSAGES, else LANG, whichever first is not empty (POSIX.1-2017, section 8.2).
    LANGUAGE, a list in order of preference, goes before it, unless the locale is C (GNU gettext manual, 2.3.3).

    >>> from_environment({"LANG": "en_US.UTF-8", "LANGUAGE": "fr:zh_CN:en"})
    'zh'
    """
    named = (environment.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    locale = next((name for name in named if name), "C")
    if locale.partition(".")[0] in ("C", "POSIX"):
        return _FALLBACK
    wanted = environment.get("LANGUAGE") or locale
    known = (_base(name) for name in wanted.split(":"))
    return next((name for name in known if name in LANGUAGES), _FALLBACK)


def _base(locale: str) -> str:
    """Return the language of a locale's name: zh of zh_CN.UTF-8, zh-Hans, zh_TW@radical."""
    for mark in "-_.@":
        locale = locale.partition(mark)[0]
    return locale.lower()


def _can_write(text: str) -> bool:
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
