"""A heatmap with Chinese labels as one would write it by hand: matplotlib without pyplot, three words, one file."""

import sys

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from noto_cjk_sans_otc import FONT_PATH

WORDS = ("猫", "吃", "鱼")
VECTORS = ((0.9, 0.1, 0.8, 0.0), (0.7, 0.9, 0.0, 0.2), (0.3, 0.2, 0.6, 0.9))


def main(path: str) -> None:
    """Draw the weights of three words into `path`."""
    x = np.array(VECTORS, dtype=np.float32)
    logits = x @ x.T / np.sqrt(x.shape[1])
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)

    fontManager.addfont(str(FONT_PATH))
    matplotlib.rcParams["font.family"] = ["DejaVu Sans", "Noto Sans CJK SC"]
    figure = Figure(figsize=(4.8, 3.6), dpi=200)
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    image = axes.imshow(weights, vmin=0, cmap="viridis")
    figure.colorbar(image)
    axes.set_xticks(range(len(WORDS)), WORDS)
    axes.set_yticks(range(len(WORDS)), WORDS)
    for i, row in enumerate(weights):
        for j, weight in enumerate(row):
            ink = "black" if weight > weights.max() / 2 else "white"
            axes.text(j, i, f"{weight:.3f}", ha="center", va="center", color=ink)
    figure.savefig(path)


if __name__ == "__main__":
    main(sys.argv[1])
