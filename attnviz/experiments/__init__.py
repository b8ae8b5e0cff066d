"""One sentence, many runs: what happens without a word, under every setting, and over a long distance."""

from attnviz.experiments.ablating import ablate
from attnviz.experiments.distances import by_distance
from attnviz.experiments.varying import CHOICES, MASKS, lab

__all__ = ["CHOICES", "MASKS", "ablate", "by_distance", "lab"]
