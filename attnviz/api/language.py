"""`attnviz.set_language`: the language of what users read."""

from __future__ import annotations

from attnviz.core.errors import unknown_choice
from attnviz.i18n.messages import LANGUAGES, use_language


def set_language(name: str) -> None:
    """Set the language of what users read: en or zh. Data and str() of a message or an error stay English.

    Raises OptionError for another language.

    Examples:
        >>> set_language("en")
    """
    if not isinstance(name, str) or name not in LANGUAGES:
        raise unknown_choice("name", name, LANGUAGES)
    use_language(name)
