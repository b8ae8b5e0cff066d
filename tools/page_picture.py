"""The README's picture of the page: docs/pictures/page.png, drawn by the system's chromium.

python tools/page_picture.py
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from attnviz import run
from attnviz.export import save_attention

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "pictures" / "page.png"
TEXT, STATE = "the cat eats the fish", "head=1&word=2"
ARGUMENTS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--force-device-scale-factor=1.5",
    "--window-size=1240,900", "--virtual-time-budget=5000",
)  # fmt: skip


def main() -> None:
    """Save the page and have it drawn."""
    chromium = shutil.which("chromium") or sys.exit("chromium was not found; on Debian: apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        save_attention(run(TEXT, heads=4), page)
        address = f"{page.as_uri()}#{STATE}"
        subprocess.run([chromium, *ARGUMENTS, f"--screenshot={PICTURE}", address], check=True, capture_output=True)


if __name__ == "__main__":
    main()
