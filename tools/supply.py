"""Check what attnviz and its development are made of: licences, and known vulnerabilities.

    python tools/supply.py licences      of what is installed here: fails where one is not among those known to fit
    python tools/supply.py audit         of what requirements-dev.txt locks, by pip-audit, in a venv of its own

`audit` fails where a locked version has a known vulnerability that a newer version mends. Where pip-audit or its
database cannot be had (offline, an index that fails), and for a vulnerability that nothing mends yet, it warns.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import tomllib
import venv
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements-dev.txt"
# Licences under which attnviz, which is MIT, may use a library that it does not copy: by their SPDX identifiers.
FITTING = frozenset(
    [
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "CC0-1.0",
        "CNRI-Python",
        "HPND",
        "ISC",
        "MIT",
        "MIT-0",
        "MIT-CMU",
        "MPL-2.0",
        "OFL-1.1",
        "PSF-2.0",
        "Python-2.0",
        "Unlicense",
        "Zlib",
    ]
)
# What the classifiers of packages, and the older License field, call them.
OLDER_NAMES = {
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "Historical Permission Notice and Disclaimer (HPND)": "HPND",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "PSF": "PSF-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "SIL Open Font License 1.1 (OFL-1.1)": "OFL-1.1",
    "The Unlicense (Unlicense)": "Unlicense",
    "zlib/libpng License": "Zlib",
}
_SECONDS = 600


def required() -> list[Requirement]:
    """Return what attnviz needs to run, with all extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    return [Requirement(one) for one in (*project["dependencies"], *(one for extra in extras for one in extra))]


def used() -> Iterator[Distribution]:
    """Yield what attnviz needs and what that needs, as far as it is installed."""
    waiting, seen = required(), set[str]()
    while waiting:
        one = waiting.pop()
        name = canonical(one.name)
        if name in seen or (one.marker is not None and not one.marker.evaluate({"extra": ""})):
            continue
        seen.add(name)
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue  # an extra that is not installed, or for another system
        yield found
        waiting += [Requirement(each) for each in found.requires or ()]


def canonical(name: str) -> str:
    """Return a package's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def licence(found: Distribution) -> str:
    """Return a package's licence as its metadata say it: the expression, the classifiers, or the field's first line."""
    about = found.metadata
    if expression := about.get("License-Expression"):
        return str(expression)
    named = [one.rpartition(" :: ")[2] for one in about.get_all("Classifier") or () if one.startswith("License ::")]
    lines = (about.get("License") or "").strip().splitlines()
    return " or ".join(named) or (lines[0] if lines else "not said")


def fits(words: str) -> bool:
    """Return whether an SPDX expression allows a licence that is known to fit; False for what is no expression.

    Of alternatives one must fit, of licences that all hold each, AND before OR, as SPDX 3, annex B, says; an exception
    (WITH) only adds a permission. The names that classifiers have are known too.

    >>> fits("MIT AND (GPL-2.0-only OR BSD-3-Clause)"), fits("MIT AND GPL-2.0-only"), fits("permitted")
    (True, False, False)
    """
    named = words.split(" or ")
    if all(name in OLDER_NAMES or name in FITTING for name in named):
        return True
    try:
        expression = canonicalize_license_expression(words)
    except InvalidLicenseExpression:
        return False
    tokens = re.findall(r"[()]|[^\s()]+", expression)
    return _any_of(tokens) and not tokens


def _any_of(tokens: list[str]) -> bool:
    """Read alternatives from the beginning of the tokens, and return whether one of them fits."""
    found = _all_of(tokens)
    while tokens[:1] == ["OR"]:
        tokens.pop(0)
        found = _all_of(tokens) or found
    return found


def _all_of(tokens: list[str]) -> bool:
    """Read licences that all hold, and return whether each fits."""
    found = _one_of(tokens)
    while tokens[:1] == ["AND"]:
        tokens.pop(0)
        found = _one_of(tokens) and found
    return found


def _one_of(tokens: list[str]) -> bool:
    """Read one licence, or an expression in parentheses."""
    token = tokens.pop(0)
    if token == "(":
        found = _any_of(tokens)
        tokens.pop(0)
        return found
    if tokens[:1] == ["WITH"]:
        del tokens[:2]
    return token in FITTING


def check_licences() -> int:
    """Print the licence of each package; return 1 where one is not known to fit."""
    wrong = 0
    for found in sorted(used(), key=lambda one: one.metadata["Name"].lower()):
        words = licence(found)
        wrong += not fits(words)
        print(f"{'' if fits(words) else 'does not fit: '}{found.metadata['Name']} {found.version}: {words}")
    return 1 if wrong else 0


def locked() -> dict[str, str]:
    """Return the versions that the lock file has; of a package with several, the newest."""
    lines = LOCK.read_text(encoding="utf-8").splitlines()
    return {
        canonical(name): version
        for line in reversed(lines)
        if (found := re.match(r"([\w.-]+)==([^\s;]+)", line))
        for name, version in [found.groups()]
    }


def check_vulnerabilities() -> int:
    """Run pip-audit on the lock file; return 1 for what a newer version mends, 0 where nothing can be known."""
    report = run_audit()
    if report is None:
        print("warning: pip-audit or its database could not be had; vulnerabilities are not checked", file=sys.stderr)
        return 0
    return judge(report)


def judge(report: dict[str, Any]) -> int:
    """Print what pip-audit found; return 1 where a newer version mends it."""
    mended = 0
    packages = report.get("dependencies", [])
    skipped = [one["name"] for one in packages if "skip_reason" in one]
    for one in packages:
        for fault in one.get("vulns", ()):
            versions = ", ".join(fault.get("fix_versions", ()))
            mended += bool(versions)
            print(
                f"{one['name']} {one['version']}: {fault['id']},",
                f"mended in {versions}" if versions else "not mended yet",
            )
    if skipped:
        print(f"warning: the database here does not know {listed(skipped)}", file=sys.stderr)
    print(f"{len(packages) - len(skipped)} of {len(packages)} packages checked for known vulnerabilities")
    return 1 if mended else 0


def listed(names: list[str]) -> str:
    """Return a few names, and how many more there are."""
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def run_audit() -> dict[str, Any] | None:
    """Return pip-audit's report; None where it cannot be installed or ends without one."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            venv.create(folder / "venv", with_pip=True)
            python = folder / "venv" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
            subprocess.run([python, "-m", "pip", "install", "-qq", "pip-audit"], check=True, timeout=_SECONDS)
            plain = folder / "locked.txt"
            plain.write_text("".join(f"{one}=={version}\n" for one, version in locked().items()), encoding="utf-8")
            command = [
                python,
                "-m",
                "pip_audit",
                "-r",
                plain,
                "--no-deps",
                "--disable-pip",
                "-f",
                "json",
                "-o",
                folder / "out",
            ]
            subprocess.run(command, check=False, timeout=_SECONDS, capture_output=True)
            found = json.loads((folder / "out").read_text(encoding="utf-8"))
        except (OSError, subprocess.SubprocessError, ValueError):
            return None
    return found if isinstance(found, dict) else None


def main(arguments: list[str]) -> int:
    """Do what the one argument says."""
    ways = {"licences": check_licences, "audit": check_vulnerabilities}
    if len(arguments) != 1 or arguments[0] not in ways:
        print(__doc__)
        return 2
    return ways[arguments[0]]()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
