"""Which of the two computes, the toy or a real model: their options are given by name, and each has its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from attnviz.core.errors import OptionError, unknown_choice
from attnviz.core.option_kinds import option_name
from attnviz.models.options import Options, check_option_kinds
from attnviz.toy.settings import Settings, check_setting_kinds


def choose(given: Settings | Options | None, named: Mapping[str, Any]) -> Settings | Options:
    """Return the options of the one that computes: `given`, with the fields in `named` changed.

    Raises OptionError for a name that neither has, and for options of the one that does not compute.
    """
    if given is not None and not isinstance(given, Settings | Options):
        raise OptionError("settings are a Settings, not of type {kind}.", kind=type(given).__name__)
    of_toy, of_model = ({one.name for one in fields(group)} for group in (Settings, Options))
    for name in named:
        if name not in of_toy | of_model:
            raise unknown_choice("run()", name, [one.name for group in (Settings, Options) for one in fields(group)])
    plain: dict[str, Any] = {name: str(value) if isinstance(value, Path) else value for name, value in named.items()}
    settings = given if isinstance(given, Settings) else Settings()
    options = given if isinstance(given, Options) else Options()
    return choose_one(
        replace(settings, **{name: value for name, value in plain.items() if name in of_toy}),
        replace(options, **{name: value for name, value in plain.items() if name in of_model}),
    )


def choose_one(settings: Settings, options: Options) -> Settings | Options:
    """Return the options where they name a model, else the settings.

    Raises OptionError where one of the other has another value than its default, or a value is of the wrong type.
    """
    check_setting_kinds(settings)
    check_option_kinds(options)
    if options.model is None:
        for option in changed_fields(options):
            raise OptionError("{option} goes with --model.", option=option)
        return settings
    for option in changed_fields(settings):
        raise OptionError("{option} is for the toy: a model has its own.", hint="Leave it out.", option=option)
    return options


def changed_fields(options: Settings | Options) -> list[str]:
    """Return the fields that do not have their default value, as the command line spells them."""
    return [option_name(one.name) for one in fields(options) if getattr(options, one.name) != one.default]
