"""Every .tex compiles with what its own comments name: packages and engine."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
from continuations import continuation

import attnviz

RESULTS = {
    "attention": lambda: attnviz.run("the cat eats_ #1 & 100% ~^\\", heads=2, mask="causal", embedding="hash", dim=8),
    "comparison": lambda: attnviz.compare("the cat eats the fish", "the fish eats the cat"),
    "chinese": lambda: attnviz.compare("猫吃鱼", "鱼吃猫"),
    "explanation": lambda: attnviz.explain("猫吃鱼", token="猫"),
    "lab": lambda: attnviz.lab("猫吃鱼", vary=["mask=none,causal"]),
    "a long list": lambda: attnviz.by_distance("the cat", 64, vary=["position=none,alibi"]),
    "ablation": lambda: attnviz.ablate("猫吃鱼", "吃"),
    "heads": lambda: attnviz.heads(["the cat", "it eats"], heads=4),
    "costs": lambda: attnviz.cost([10, 1000], measure=lambda tokens, _: 1e-6 * tokens),
    "continuation": lambda: continuation(3),
    "tokens": lambda: attnviz.tokens("a_b {c} $5 [x] *"),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["table", "bars"])
@pytest.mark.parametrize("name", RESULTS)
def test_it_compiles(name, kind, tmp_path):
    """The document is its comments' packages and the file; no letter is missing, and no page is too high for it."""
    result, options = RESULTS[name](), {}
    if isinstance(result, attnviz.Attention | attnviz.Comparison):
        options = {"kind": kind}
    elif kind == "bars":
        pytest.skip("a list has one form")
    result.save(tmp_path / "x.tex", **options)
    text = (tmp_path / "x.tex").read_text("utf-8")
    comments = [line[2:] for line in text.splitlines() if line.startswith("% ")]
    engine = "xelatex" if any("XeLaTeX" in line for line in comments) else "pdflatex"
    if shutil.which(engine) is None:
        pytest.skip(f"{engine} is not installed")
    for package in re.findall(r"% \\usepackage(?:\[[^]]*\])?\{(\w+)\}", text):
        if not subprocess.run(["kpsewhich", f"{package}.sty"], capture_output=True, check=False).stdout:
            pytest.skip(f"LaTeX has no package {package}")
    packages = [line for line in comments if line.startswith("\\")]
    lines = [r"\documentclass{article}", *packages, r"\begin{document}", r"\input{x}", r"\end{document}"]
    (tmp_path / "document.tex").write_text("\n".join(lines), "utf-8")
    command = [engine, "-interaction=nonstopmode", "-halt-on-error", "document.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=120, check=False)
    log = (tmp_path / "document.log").read_text("utf-8", "replace")
    assert done.returncode == 0, log[-2000:]
    assert "Missing character" not in log
    assert "Overfull \\vbox" not in log
