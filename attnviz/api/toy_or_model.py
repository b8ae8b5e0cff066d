"""Which of the two computes, the toy or a real model: their options are given by name, and each has its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from attnviz.core.attention_data import Attention
from attnviz.core.errors import OptionError, unknown_choice
from attnviz.core.option_kinds import option_name
from attnviz.models.options import Options, check_option_kinds, check_parts
from attnviz.text.merge_pieces import STRETCHES, merge_tokens
from attnviz.toy.settings import Settings, check_setting_kinds


def choose(given: Settings | Options | None, named: Mapping[str, Any], *, joins: bool = False) -> Settings | Options:
    """Return the options of the one that computes: `given`, with the fields in `named` changed.

    joins: see `choose_one`.
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
        joins=joins,
    )


def choose_one(settings: Settings, options: Options, *, joins: bool = False) -> Settings | Options:
    """Return the options where they name a model, else the settings.

    joins: whether the toy's words may be joined too, to sentences, lines or passages: see `joining_of`.
    Raises OptionError where one of the other has another value than its default, or a value is of the wrong type.
    """
    check_setting_kinds(settings)
    check_option_kinds(options)
    if options.model is None:
        own = ("--merge", "--parts") if joins and (options.merge in STRETCHES or options.merge == "char") else ()
        for option in changed_fields(options):
            if option in own:
                continue
            raise OptionError("{option} goes with --model.", option=option)
        return settings
    for option in changed_fields(settings):
        raise OptionError("{option} is for the toy: a model has its own.", hint="Leave it out.", option=option)
    return options


@dataclass(frozen=True)
class Joining:
    """How the words of the toy, or of given weights, are joined to longer stretches: sentence, line, or passages."""

    merge: str = "char"
    parts: object = None

    def apply(self, attention: Attention) -> Attention:
        """Return the attention between the stretches; as it is where none are asked for."""
        if self.parts is None and self.merge not in STRETCHES:
            return attention
        from attnviz.analysis.contributions import contributions
        from attnviz.text.passages import join_passages, open_passages

        if attention.contributions is None and attention.provenance.reduced is None:
            attention = replace(attention, contributions=contributions(attention))
        passages = open_passages(self.parts)
        return merge_tokens(attention, self.merge) if passages is None else join_passages(attention, passages)


AS_THEY_ARE = Joining()


def joining_of(given: Settings | Options | None, named: Mapping[str, Any]) -> Joining:
    """Return how words are joined, by the same arguments as `choose`.

    Raises OptionError for what does not go together.
    """
    options = given if isinstance(given, Options) else Options()
    joining = Joining(named.get("merge", options.merge), named.get("parts", options.parts))
    check_parts(joining.parts, joining.merge)
    return joining


def changed_fields(options: Settings | Options) -> list[str]:
    """Return the fields that do not have their default value, as the command line spells them."""
    return [option_name(one.name) for one in fields(options) if getattr(options, one.name) != one.default]
