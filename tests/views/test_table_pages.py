"""Pages of tables: on a screen they scroll, on paper they are whole."""

from __future__ import annotations

import pytest

from attnviz import cost, lab


def page_of(result, path):
    """Save a result as a page, and read it."""
    result.save(path / "page.html")
    return (path / "page.html").read_text("utf-8")


@pytest.mark.parametrize(("text", "wide"), [("猫吃鱼", False), ("the cat eats fish", True)])
def test_maps_stand_in_more_lines_where_a_sheet_cannot_hold_them(tmp_path, text, wide):
    """Browsers shrink what is rather too wide for a sheet; wider maps beside each other go to the next line there."""
    page = page_of(lab(text), tmp_path)
    assert ('<div class="wide" ' in page) is wide
    assert "@media print" in page
    assert "overflow:visible!important" in page


def test_a_page_of_tables_loads_nothing(tmp_path):
    """Its style is in it, and its policy forbids all else."""
    page = page_of(cost([1000]), tmp_path)
    assert page.count("<style>") == 1
    assert "default-src 'none'; style-src 'unsafe-inline'" in page
    assert "url(" not in page
