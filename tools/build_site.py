"""Build the documentation site from docs/, in English and in Chinese, and check it.

    python tools/build_site.py FOLDER     build into FOLDER, the Chinese pages into FOLDER/zh; exit 1 with what is wrong

docs/page.md is a page in English and docs/page.zh.md the same page in Chinese; a page without the second is in English
only, and so are CONTRIBUTING.md, CHANGELOG.md and SECURITY.md. Zensical builds one language at a time, so each gets a
folder of its own with its pages under the same names. It builds strictly: a link to a page or a heading that does not
exist is an error. The finished pages are then read once more: every link and picture must lead to a file, and nothing
may be loaded from elsewhere. Needs the dependency group docs.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
OF_PROJECT = ("CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")  # in the project's folder, in English only
# What the Chinese configuration says in place of the English one; titles of pages come from the pages.
IN_CHINESE = {
    'language = "en"': 'language = "zh"',
    '"Start"': '"首页"',
    '"How to"': '"使用指南"',
    '"Reference"': '"参考"',
    '"Dark mode"': '"切换为深色"',
    '"Light mode"': '"切换为浅色"',
    'site_description = "Attention in your terminal: which word attends to which, with a few lines of NumPy"': (
        'site_description = "在终端里看注意力：哪个词看哪个词，只用几行 NumPy"'
    ),
    'name = "中文", link = "zh/index.html", lang = "zh"': 'name = "English", link = "../index.html", lang = "en"',
}
_OTHER_LANGUAGE = re.compile(r"^\[(?:中文|English)\]\([^)]*\)\n", flags=re.MULTILINE)
_IN_STYLE = re.compile(r"@import|url\(\s*['\"]?(?:https?:)?//", flags=re.IGNORECASE)
_LOADS = ("src", "srcset", "poster", "data")


def stage(folder: Path, *, chinese: bool) -> Path:
    """Put one language's pages and configuration into `folder`; return the configuration's path."""
    pages = folder / "pages"
    for path in sorted(path for path in DOCS.rglob("*") if path.is_file()):
        name = path.relative_to(DOCS)
        if name.parts[0] == "overrides" or name.name == "zensical.toml":
            continue
        if path.suffix == ".md" and path.name.endswith(".zh.md") != chinese:
            continue
        to = pages / (name.with_name(name.name.replace(".zh.md", ".md")))
        to.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".md":
            text = _OTHER_LANGUAGE.sub("", path.read_text(encoding="utf-8"))
            for of_project in OF_PROJECT:
                text = text.replace(f"](../{of_project})", f"]({of_project.lower()})")
            to.write_text(text.replace(".zh.md", ".md") if chinese else text, encoding="utf-8")
        else:
            shutil.copyfile(path, to)
    for name in () if chinese else OF_PROJECT:
        text = (ROOT / name).read_text(encoding="utf-8").replace("](docs/", "](")
        text = re.sub(r"^## \[(.*?)\]", r"## \1", text, flags=re.MULTILINE)  # a release's heading is no link
        (pages / name.lower()).write_text(text, encoding="utf-8")
    shutil.copytree(DOCS / "overrides", folder / "overrides")
    settings = (DOCS / "zensical.toml").read_text(encoding="utf-8").replace('"ROOT"', f'"{ROOT.as_posix()}"')
    settings = settings.replace("untranslated = []", f"untranslated = {json.dumps(untranslated())}")
    for english, other in IN_CHINESE.items() if chinese else ():
        if english not in settings:
            sys.exit(f"docs/zensical.toml no longer has {english!r}; change it in tools/build_site.py too.")
        settings = settings.replace(english, other)
    if chinese:
        settings = re.sub(r'^    \{ "Project" = .*\n', "", settings, flags=re.MULTILINE)
    (folder / "zensical.toml").write_text(settings, encoding="utf-8")
    return folder / "zensical.toml"


def untranslated() -> list[str]:
    """Return the addresses of the pages that are in English only."""
    english = (path for path in sorted(DOCS.rglob("*.md")) if not path.name.endswith(".zh.md"))
    alone = [path.relative_to(DOCS) for path in english if not path.with_suffix(".zh.md").exists()]
    return [path.with_suffix(".html").as_posix() for path in (*alone, *(Path(name.lower()) for name in OF_PROJECT))]


def build(site: Path) -> None:
    """Build both languages into `site`; exit where Zensical finds something wrong."""
    for chinese in (False, True):
        with tempfile.TemporaryDirectory() as name:
            settings = stage(Path(name), chinese=chinese)
            command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean", "-f", str(settings)]
            done = subprocess.run(command, cwd=name, check=False)
            if done.returncode:
                sys.exit(f"The {'Chinese' if chinese else 'English'} site could not be built strictly.")
            shutil.copytree(Path(name) / "site", site / "zh" if chinese else site, dirs_exist_ok=True)


class Page(HTMLParser):
    """What a page links to, what it loads, and the anchors that it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.guarded = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note one element's id, its link, and what it loads."""
        has = {name: value or "" for name, value in attrs}
        self.anchors |= {has[name] for name in ("id", "name") if name in has}
        self.guarded |= tag == "meta" and has.get("http-equiv") == "Content-Security-Policy"
        loaded = [part.split()[0] for name in _LOADS if has.get(name) for part in has[name].split(",") if part.strip()]
        self.loads += [has["src"]] if has.get("src", "").startswith("data:") else loaded
        if "href" in has:
            (self.loads if tag in ("link", "use", "image") else self.links).append(has["href"])
        if _IN_STYLE.search(has.get("style", "")):
            self.loads.append(has["style"])


def complaints(site: Path) -> Iterator[str]:
    """Return a line for each dead link and each thing that a page or style sheet loads from elsewhere."""
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    for path, page in pages.items():
        name = path.relative_to(site)
        if not page.guarded:
            yield f"{name}: has no policy that forbids to load anything from elsewhere"
        for target in page.loads:
            if re.match(r"(?:https?:)?//", target) or _IN_STYLE.search(target):
                yield f"{name}: loads {target}"
        for target in (*page.links, *page.loads):
            if path.name != "404.html" and not _leads_somewhere(path, target, pages):
                yield f"{name}: {target} leads nowhere"
    for path in sorted(site.rglob("*.css")):
        if _IN_STYLE.search(path.read_text(encoding="utf-8")):
            yield f"{path.relative_to(site)}: loads from elsewhere"


def _leads_somewhere(path: Path, target: str, pages: dict[Path, Page]) -> bool:
    """Whether a relative link leads to a file, and to an anchor of it; other addresses are not followed."""
    address, anchor = urldefrag(target)
    if urlsplit(target).scheme or address.startswith("//"):
        return True
    to = path if not address else Path(path.parent, unquote(address.partition("?")[0])).resolve()
    to = to / "index.html" if to.is_dir() else to
    if not to.is_file():
        return False
    return not anchor or to not in pages or unquote(anchor) in pages[to].anchors or anchor.startswith("__")


def main() -> None:
    """Build the site into the folder that is named, and say what is wrong with it."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    site = Path(sys.argv[1]).resolve()
    if site.exists() and any(site.iterdir()):
        sys.exit(f"{site} is not empty.")
    build(site)
    wrong = list(complaints(site))
    print(f"{len(list(site.rglob('*.html')))} pages in {site}")
    sys.exit("\n".join(wrong) or 0)


if __name__ == "__main__":
    main()
