"""What is done to a prepared form before it is drawn: what becomes of its sinks, and what its colours span.

Terminal, picture and page ask for the same, so they show the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from attnviz.core.attention_data import Attention
from attnviz.core.errors import OptionError, unknown_choice
from attnviz.i18n.messages import Message, message
from attnviz.views.prepared.color_scale import SPREADS, Scale, signed_scale, spread_scale, weight_scale
from attnviz.views.prepared.panels import Panel, Prepared, number
from attnviz.views.prepared.style import Style

SINKS = ("keep", "hide", "mark")
_SHARES = ("weights", "comparison", "lab", "lens")  # kinds of forms whose numbers are weights or probabilities


@dataclass(frozen=True)
class Refining:
    """How a reader wants the numbers shown. scale: global, head, row or log; sinks: keep, hide or mark."""

    scale: str = "global"
    sinks: str = "keep"

    def check(self) -> None:
        """Raise OptionError for a value that cannot be, before anything is computed."""
        for option, value, known in (("--scale", self.scale, SPREADS), ("--sinks", self.sinks, SINKS)):
            if value not in known:
                raise unknown_choice(option, value, known)

    def apply(self, forms: tuple[Prepared, ...], attention: Attention | None = None) -> tuple[Prepared, ...]:
        """Return the forms as they are drawn; without an attention (of a comparison) sinks stay as they are."""
        if self.sinks != "keep" and attention is not None:
            from attnviz.views.prepared.sinks import with_sinks

            forms = tuple(with_sinks(form, attention, self.sinks) for form in forms)
        return with_spread(forms, self.scale)


AS_IS = Refining()


def with_limits(form: Prepared, style: Style) -> Prepared:
    """Return the form with its colours between the limits that the style sets; what lies beyond has the end's colour.

    The caption says how many numbers lie beyond. Raises OptionError for a limit that none of the numbers could reach,
    where a lower limit is not below the largest number, and where each row has a scale of its own.
    """
    if style.vmin is None and style.vmax is None:
        return form
    _check_range(form, style)
    scales = {panel.scale: _limited(panel.scale, style) for panel in form.panels}
    panels = tuple(replace(panel, scale=scales[panel.scale]) for panel in form.panels)
    beyond = sum(int(count) for panel in panels for count in panel.beyond())
    words = () if beyond == 0 else (_beyond_words(beyond),)
    return replace(form, panels=panels, caption=(*form.caption, *words))


def _beyond_words(count: int) -> Message:
    """Say how many numbers have the colour of an end though they lie beyond it."""
    if count == 1:
        return message("1 number lies beyond the colours’ ends")
    return message("{count} numbers lie beyond the colours’ ends", count=count)


def _check_range(form: Prepared, style: Style) -> None:
    """Raise OptionError for limits where no such number can be: below 0, or above 1 where all are shares."""
    scales = [panel.scale for panel in form.panels]
    if form.kind == "scores":
        return
    unsigned = not any(scale.diverging for scale in scales)
    most = max((float(np.abs(panel.values).max(initial=0.0)) for panel in form.panels), default=0.0)
    for option, limit in (("--vmin", style.vmin), ("--vmax", style.vmax)):
        if limit is None:
            continue
        if limit < 0 and unsigned:
            raise OptionError(
                "{option} must be at least 0, as all numbers here are, not {limit}.", option=option, limit=f"{limit:g}"
            )
        if abs(limit) > 1 and form.kind in _SHARES and most <= 1:
            raise OptionError(
                "{option} must be at most 1, as all numbers here are, not {limit}.", option=option, limit=f"{limit:g}"
            )


def _by_head(form: Prepared) -> Prepared:
    if len(form.panels) == 1:
        return form
    beside = 3 if form.kind == "comparison" else 1
    panels = []
    for k in range(0, len(form.panels), beside):
        together = form.panels[k : k + beside]
        for panel in together:
            values = [each.values.ravel() for each in together if each.scale == panel.scale]
            make = signed_scale if panel.scale.diverging else weight_scale
            panels.append(_titled(replace(panel, scale=make(np.concatenate(values))), form.digits))
    return replace(form, panels=tuple(panels), caption=(*form.caption, message("each head on its own scale")))


def _titled(panel: Panel, digits: int) -> Panel:
    """Return the panel with the end of its scale in its titles."""
    high = number(panel.scale.high, digits)
    title, short = (
        None if title is None else message("{title}, to {high}", title=title, high=high)
        for title in (panel.title, panel.short)
    )
    return replace(panel, title=title, short=short)


def _limited(scale: Scale, style: Style) -> Scale:
    if scale.spread == "row":
        raise OptionError("With --scale row each row has its own colours: leave --vmin and --vmax out.")
    if scale.diverging:
        reach = max(abs(limit) for limit in (style.vmin, style.vmax) if limit is not None)
        if reach == 0:  # the least of weights, beside which changes keep their scale
            return scale
        return replace(scale, low=-reach, high=reach, floor=min(scale.floor, reach))
    low = scale.low if style.vmin is None else style.vmin
    high = scale.high if style.vmax is None else style.vmax
    if high <= low:
        raise OptionError(
            "--vmin must be below the largest number ({high}), not {low}.", low=f"{low:g}", high=f"{high:.3g}"
        )
    return replace(scale, low=low, high=high, floor=min(max(scale.floor, low), high))


def with_spread(forms: tuple[Prepared, ...], spread: str) -> tuple[Prepared, ...]:
    """Spread the forms' scales globally, by head, by row or by ratio; panels that share a scale still share one.

    By head each panel has a scale of its own, which its title says; in a comparison the two texts of a head share one.
    """
    if spread == "global":
        return forms
    if spread == "head":
        return tuple(map(_by_head, forms))
    panels = [panel for form in forms for panel in form.panels]
    scales = {
        scale: spread_scale(scale, spread, [panel.values for panel in panels if panel.scale == scale])
        for scale in dict.fromkeys(panel.scale for panel in panels)
    }
    words = {"row": message("each row on its own scale"), "log": message("on a scale of ratios (logarithmic)")}
    return tuple(
        replace(
            form,
            panels=tuple(replace(panel, scale=scales[panel.scale]) for panel in form.panels),
            caption=(*form.caption, words[spread]),
        )
        for form in forms
    )
