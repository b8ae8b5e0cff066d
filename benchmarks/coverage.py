"""How many families of transformers are computed: by its own lists of models, and why the others are not.

Run it as `python benchmarks/coverage.py`, with a Python that has attnviz and transformers (and torch, which its lists
are read with). A text family is one for which transformers has a language model: it stands in the mapping of
AutoModelForCausalLM, AutoModelForSeq2SeqLM or AutoModelForMaskedLM. The others of AutoModel's mapping are counted.
With `--write` the lists are kept in tests/golden/text_families.tsv, from which tools/reference.py makes
docs/reference/families.md; run it again after that.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

os.environ["TRANSFORMERS_VERBOSITY"] = "error"

import transformers
from transformers.models.auto import modeling_auto

from attnviz.models.families.coverage import Coverage, read_coverage

KEPT = Path(__file__).parent.parent / "tests" / "golden" / "text_families.tsv"
MAPPINGS = {
    "AutoModelForCausalLM": "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES",
    "AutoModelForSeq2SeqLM": "MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES",
    "AutoModelForMaskedLM": "MODEL_FOR_MASKED_LM_MAPPING_NAMES",
    "AutoModel": "MODEL_MAPPING_NAMES",
}


def mapped() -> dict[str, list[str]]:
    """Return for each model_type the names of the mappings that it stands in."""
    found: dict[str, list[str]] = {}
    for name, attribute in MAPPINGS.items():
        for model_type in getattr(modeling_auto, attribute):
            found.setdefault(model_type, []).append(name)
    return dict(sorted(found.items()))


def report(coverage: Coverage) -> str:
    """Return the counts and the names as text."""
    lines = [f"text families of transformers {transformers.__version__}: {coverage.count}"]
    lines.append(f"computed ({len(coverage.computed)}): {' '.join(coverage.computed)}")
    lines.append(f"no attention weights ({len(coverage.without)}): {' '.join(coverage.without)}")
    for reason, names in coverage.refused.items():
        lines.append(f"{reason} ({len(names)}): {' '.join(names)}")
    lines.append(f"no reason ({len(coverage.unexplained)}): {' '.join(coverage.unexplained)}")
    lines.append(f"other families of AutoModel: {len(coverage.others)}, computed: {' '.join(coverage.others_computed)}")
    return "\n".join(lines)


def main() -> None:
    """Print the report, or keep the lists too."""
    parser = argparse.ArgumentParser(description="Count the families of transformers that are computed.")
    parser.add_argument("--write", action="store_true", help="keep transformers' lists in tests/golden")
    found = mapped()
    if parser.parse_args().write:
        lines = [f"{name}\t{' '.join(mappings)}" for name, mappings in found.items()]
        KEPT.write_text("\n".join([f"transformers\t{transformers.__version__}", *lines]) + "\n", encoding="utf-8")
    print(report(read_coverage(found)))


if __name__ == "__main__":
    main()
