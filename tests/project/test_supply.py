"""What the project is made of: a lock file that fits pyproject.toml, licences, and an audit that only warns offline."""

from __future__ import annotations

import re
import tomllib

import pytest
import supply
from packaging.requirements import Requirement
from paths import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_lock_file_fits():
    """Each library that pyproject.toml names for running or developing is locked, in a version that it allows."""
    versions = supply.locked()
    named = [*supply.required(), *map(Requirement, PROJECT["dependency-groups"]["dev"])]
    for one in named:
        assert one.specifier.contains(versions[supply.canonical(one.name)]), one.name


def test_lock_file_has_hashes():
    """Each locked version has its hashes, and none names an index or a file of its own."""
    text = (ROOT / "requirements-dev.txt").read_text(encoding="utf-8")
    entries = re.findall(r"^[\w.-]+==[^\n]*(?:\n +--hash[^\n]*)*", text, re.MULTILINE)
    assert len(entries) > 50
    assert all(entry.count("--hash=sha256:") >= 1 for entry in entries)
    assert not re.search(r"--index|--find-links|file:|https?:", text)


def test_licences(capsys):
    """Every library that attnviz uses here says a licence that fits."""
    assert supply.check_licences() == 0, capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "fitting"),
    [
        ("MIT AND (GPL-2.0-only OR BSD-3-Clause)", True),
        ("MIT AND GPL-2.0-only", False),
        ("GPL-3.0-or-later OR MIT AND Apache-2.0", True),
        ("MIT OR GPL-3.0-only AND Apache-2.0", True),
        ("(MIT OR GPL-3.0-only) AND AGPL-3.0-only", False),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("GPL-3.0-only WITH Classpath-exception-2.0", False),
        ("mit", True),
        ("LicenseRef-MIT-like", False),
        ("not MIT", False),
        ("MIT but no commercial use", False),
        ("GNU General Public License v3 (GPLv3)", False),
        ("BSD License or GNU General Public License v3 (GPLv3)", False),
        ("Apache Software License or BSD License", True),
        ("", False),
        ("permitted", False),
        ("not said", False),
    ],
)
def test_which_licences_fit(words, fitting):
    """Of licences that all hold each must fit, of alternatives one; what is no SPDX expression is not known to."""
    assert supply.fits(words) == fitting


def test_licence_that_does_not_fit(monkeypatch, capsys):
    """A licence that is not known to fit is told by its package."""
    monkeypatch.setattr(supply, "licence", lambda _: "AGPL-3.0-only")
    assert supply.check_licences() == 1
    assert "does not fit: numpy" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("faults", "code"),
    [([], 0), ([{"id": "X-1", "fix_versions": []}], 0), ([{"id": "X-1", "fix_versions": ["2.0"]}], 1)],
)
def test_audit(monkeypatch, faults, code):
    """The audit fails for what a newer version mends; without a database, or without a mended version, it warns."""
    report = {"dependencies": [{"name": "a", "version": "1", "vulns": faults}, {"name": "b", "skip_reason": "unknown"}]}
    monkeypatch.setattr(supply, "run_audit", lambda: report)
    assert supply.check_vulnerabilities() == code


def test_audit_offline(monkeypatch, capsys):
    """An index that cannot be reached is a warning."""
    monkeypatch.setattr(supply.subprocess, "run", lambda *_, **__: (_ for _ in ()).throw(OSError("offline")))
    monkeypatch.setattr(supply.venv, "create", lambda *_, **__: None)
    assert supply.check_vulnerabilities() == 0
    assert "could not be had" in capsys.readouterr().err
