"""The row that an explanation arrives at as a chart: a bar for each key, of every head that is explained."""

from __future__ import annotations

import numpy as np

from attnviz.explanation.elements import Explanation
from attnviz.views.prepared.attention import labels
from attnviz.views.prepared.caption import describe_provenance
from attnviz.views.prepared.charts import BarChart, Charts
from attnviz.views.prepared.heads import head_name
from attnviz.views.prepared.panels import number
from attnviz.views.prepared.presentation import DIGITS, PICTURE, Presentation


def draw_explanation(explanation: Explanation, presentation: Presentation = PICTURE) -> Charts:
    """Prepare a bar chart of the row's weights, one for each head."""
    arrays = next(step.arrays for step in reversed(explanation.steps) if "weights" in step.arrays)
    rows = np.atleast_2d(np.asarray(arrays["weights"]))
    words = labels(explanation.key, presentation.medium, explanation.provenance.unknown)
    digits = presentation.digits_or(DIGITS)
    charts = tuple(
        BarChart(
            head_name(head) if explanation.provenance.heads > 1 else None,
            words,
            tuple(map(float, row)),
            tuple(number(float(value), digits) for value in row),
        )
        for head, row in zip(explanation.heads, rows, strict=True)
    )
    return Charts(explanation.title, charts, describe_provenance(explanation.provenance), explanation.notes)
