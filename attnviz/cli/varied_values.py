"""Several values for one option of `lab`: they go into --vary."""

from __future__ import annotations

import re

from attnviz.analysis.lab import VARIES, read_axis
from attnviz.analysis.run_lab import CHOICES
from attnviz.core.errors import AttnvizError, OptionError
from attnviz.core.masks import parse_mask


def refuse_lists(args: list[str]) -> None:
    """Raise OptionError where an option that sets one value of what `lab` may vary is given several."""
    for name in VARIES:
        values = [one for given in _given(f"--{name}", args) for one in _split(given)]
        if len(values) > 1 and _can_vary(name, values):
            raise OptionError(
                "--{name} sets one value, and here are {count}.",
                hint="--vary {name}={values} tries each of them.",
                name=name,
                count=len(values),
                values=",".join(values),
            )


def _given(option: str, args: list[str]) -> list[str]:
    """Return the values that the option has in these arguments, in their order."""
    pairs = zip(args, [*args[1:], ""], strict=True)
    return [
        value if one == option else one.partition("=")[2] for one, value in pairs if one.partition("=")[0] == option
    ]


def _split(given: str) -> list[str]:
    """Return the values of a list as --vary has them.

    >>> _split("none, window:2,causal")
    ['none', 'window:2+causal']
    """
    joined = re.sub(r"(window:\d+)\s*,\s*causal", r"\1+causal", given)
    return [one.strip() for one in joined.split(",") if one.strip()]


def _can_vary(name: str, values: list[str]) -> bool:
    """Return whether --vary takes these values; the name of a file with a comma is one value."""
    try:
        axis = read_axis(f"{name}={','.join(values)}", VARIES, CHOICES)
        for value in axis.values if name == "mask" else ():
            parse_mask(value)
    except AttnvizError:
        return False
    return name not in CHOICES or name == "mask" or set(axis.values) <= set(CHOICES[name])
