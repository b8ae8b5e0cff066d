"""Write spearman.npz: rank correlations as SciPy computes them, to hold attnviz against.

SciPy is needed only here, never by the tests:

    python -m venv /tmp/goldenvenv
    /tmp/goldenvenv/bin/pip install scipy numpy
    /tmp/goldenvenv/bin/python tests/golden/make_spearman.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.stats import rankdata, spearmanr

HERE = Path(__file__).parent


def main() -> None:
    """Rows of 3 to 40 numbers, with many ties and with none."""
    generator = np.random.default_rng(7)
    arrays: dict[str, np.ndarray] = {}
    for k, count in enumerate((3, 4, 5, 8, 13, 40)):
        for kind, values in (
            ("ties", generator.integers(0, 4, (2, count)).astype(float)),
            ("free", generator.standard_normal((2, count))),
        ):
            values[0, 0] += 1  # never constant
            values[1, -1] -= 1
            name = f"{kind}_{k}"
            arrays[f"{name}_values"] = values
            arrays[f"{name}_ranks"] = np.stack([rankdata(row) for row in values])
            arrays[f"{name}_correlation"] = np.array(spearmanr(*values).statistic)
    np.savez_compressed(HERE / "spearman.npz", **arrays)


if __name__ == "__main__":
    main()
