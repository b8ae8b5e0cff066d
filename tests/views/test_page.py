"""One page holds what was computed, and nothing in it acts or asks; how it behaves is in test_browser.py."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
from functools import partial
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from near import assert_near, assert_near64, assert_within
from page_blocks import decode_block, inflate

from attnviz import Attention, Token, compare, run
from attnviz.analysis.comparison import compare_pairs
from attnviz.api.save import save_attention, save_comparison
from attnviz.core.errors import InputError
from attnviz.core.provenance import Provenance, ToyOrigin
from attnviz.explanation.build import explain_attention
from attnviz.i18n.decimals import printed_minus
from attnviz.i18n.messages import speaking
from attnviz.views.page import document
from attnviz.views.page.payload import (
    EXACT_UP_TO,
    SMALL,
    Block,
    encode_mask,
    encode_matrix,
    pool_small,
    tokens_per_cell,
)
from attnviz.views.page.render import render_page
from attnviz.views.page.sentences import SENTENCES
from attnviz.views.prepared.attention import prepare
from attnviz.views.prepared.color_scale import Scale, color_at, ink_on, spread_scale
from attnviz.views.prepared.comparison import prepare_comparison
from attnviz.views.prepared.panels import number
from attnviz.views.prepared.presentation import PICTURE
from attnviz.views.prepared.worksheet import make_sheet

FOLDER = files("attnviz.views.page").joinpath("script")
SCRIPTS = sorted((path for path in FOLDER.iterdir()), key=str)
PROVENANCE = Provenance(
    ToyOrigin(
        embedding="vectors",
        tokens="given",
        dim=64,
        projection="identity",
        heads=12,
        position="none",
        mask="none",
        temperature=1,
    )
)
HOSTILE = [
    "</script><img src=x onerror=alert(1)>",
    "<!--",
    "<script>",
    "]]>",
    "&lt;b&gt;",
    '"><svg onload=alert(1)>',
    "\u2028",
    "\x1b[2J",
    "<!--data-->",
    "{word}",
    "\ud800",
    "\u202etxt",
    "e" + "\u0301" * 200,
    "👩\u200d👧",
    "ไทย",
    "'; alert(1)//",
]


def softmaxed(layers, heads, count, spread=2.0, *, causal=False):
    """Random logits, softmaxed: what the sizes are measured on."""
    logits = np.random.default_rng(0).normal(size=(layers, heads, count, count)).astype(np.float32) * spread
    allowed = np.tril(np.ones((count, count), bool)) if causal else None
    weights = np.exp(logits if allowed is None else np.where(allowed, logits, -np.inf))
    tokens = tuple(Token(f"w{i}") for i in range(count))
    weights /= weights.sum(-1, keepdims=True)
    return Attention(tokens, tokens, weights, allowed, provenance=PROVENANCE)


def opened(page):
    """The page's data and its blocks."""
    head = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1])
    blocks = re.findall(r'<script type="text/plain" id="block-\d+">(.*?)</script>', page)
    return head, blocks


def sheets_of(page):
    """Every matrix that the page holds, as its script opens it."""
    head, blocks = opened(page)
    shape = (len(head["rows"]), len(head["columns"]))
    return [decode_block(Block(sheet["kind"], blocks[at]), shape) for at, sheet in enumerate(head["sheets"])]


WEIGHTS = arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.floats(0, 1, width=32))
SMALLEST = float(np.finfo(np.float32).tiny)
CHANGES = arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.floats(-1, 1, width=32))


@given(WEIGHTS)
def test_rounded_weights(values):
    """A rounded weight is within .002 of its row's largest, and 0 stays 0."""
    found = decode_block(encode_matrix(values, exact=False), values.shape)
    reach = 0.002 * values.max(axis=1, keepdims=True) + SMALLEST
    assert_within(found, values, reach, "a byte has 255 steps")
    assert (found[values == 0] == 0).all()


@given(CHANGES)
def test_rounded_changes(values):
    """A rounded change is within 1/65000 of its row's largest either way, and never on the other side of 0."""
    block = encode_matrix(values, exact=False)
    found = decode_block(block, values.shape)
    most = 0.002 if block.kind == "u1" else 1 / 65000
    reach = most * np.abs(values).max(axis=1, keepdims=True) + SMALLEST
    assert_within(found, values, reach, "two bytes have 65,000 steps, one has 255")
    assert (found * values >= 0).all()


@given(CHANGES)
def test_exact_numbers(values):
    """What is kept exactly comes back bit for bit, float32 and float64."""
    assert np.array_equal(decode_block(encode_matrix(values, exact=True), values.shape).astype(np.float32), values)
    double = values.astype(np.float64) / 3
    assert np.array_equal(decode_block(encode_matrix(double, exact=True), values.shape), double)


@given(WEIGHTS)
def test_means_are_exact(values):
    """A rounded block has each column's mean as it was before rounding."""
    data = inflate(encode_matrix(values, exact=False).text)
    means = np.frombuffer(data, "<f4", values.shape[1])
    assert np.array_equal(means, values.mean(axis=0, dtype=np.float64).astype(np.float32))


@given(arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=20)))
def test_mask(forbidden):
    """A mask comes back bit for bit."""
    bits = np.unpackbits(np.frombuffer(inflate(encode_mask(forbidden)), np.uint8), count=forbidden.size)
    assert np.array_equal(bits.reshape(forbidden.shape).astype(bool), forbidden)


@given(st.integers(1, 80), st.integers(1, 80), st.booleans(), st.integers(0, 9))
def test_small_maps(rows, columns, signed, seed):
    """A small map's cell is the strongest of its cells, 0 where all are forbidden, and never larger than SMALL."""
    random = np.random.default_rng(seed)
    values = random.uniform(-1 if signed else 0, 1, (rows, columns)).astype(np.float32)
    forbidden = random.random((rows, columns)) < 0.7
    values[forbidden] = 0
    found = pool_small(values, forbidden, signed=signed)
    down, across = tokens_per_cell(rows), tokens_per_cell(columns)
    assert found.shape == (-(-rows // down), -(-columns // across))
    assert max(found.shape) <= SMALL
    for (i, j), byte in np.ndenumerate(found):
        part = np.s_[i * down : (i + 1) * down, j * across : (j + 1) * across]
        seen = values[part][~forbidden[part]]
        if not seen.size:
            assert byte == 0
            continue
        place = (byte - 1) / 254
        reach = np.abs(values).max()
        assert abs((2 * place - 1 if signed else place) * reach - seen[np.abs(seen).argmax()]) <= reach / 126


def test_holds_what_was_computed():
    """A small page has every head's weights exactly, then their mean; with its labels, colours and captions."""
    attention = run("the cat eats the fish", heads=4, mask="causal")
    page = render_page(attention)
    head, blocks = opened(page)
    found = sheets_of(page)
    assert [name["en"] for name in head["heads"]] == [*attention.heads, "mean"]
    for j in range(4):
        assert np.array_equal(found[j].astype(np.float32), attention.weights[0, j])
    assert np.array_equal(found[4].astype(np.float32), attention.mean().weights[0, 0])
    (form,) = prepare(attention, presentation=PICTURE)
    assert tuple(head["rows"]) == form.panels[0].rows
    palette = form.panels[0].scale.palette()
    assert bytes.fromhex(head["scales"][0]["colours"]) == bytes(part for color in palette for part in color)
    assert head["scales"][0]["ink"] == "".join(
        "01"[ink_on(color_at(palette, i / 255)) != (0, 0, 0)] for i in range(256)
    )
    assert [part["en"] for part in head["captions"][0]] == [str(part) for part in form.caption]
    bits = np.unpackbits(np.frombuffer(inflate(blocks[head["sheets"][0]["mask"]]), np.uint8), count=25)
    assert np.array_equal(bits.reshape(5, 5).astype(bool), ~attention.allowed)


def test_holds_where_reductions_disagree():
    """With every reduction a page has their disagreement after them: in each cell the largest less the smallest."""
    attention = run("the cat eats the fish", heads=4, reduce="all")
    head, _ = opened(render_page(attention))
    found = sheets_of(render_page(attention))
    assert [name["en"] for name in head["heads"]] == [*attention.heads, "where they disagree"]
    assert head["titles"][-1]["en"] == "where they disagree: the largest less the smallest"
    weights = attention.weights[0]
    assert np.array_equal(found[-1].astype(np.float32), weights.max(axis=0) - weights.min(axis=0))
    assert "They disagree most on" in head["notes"][0][0]["en"]


def test_holds_a_comparison():
    """Each setting's A, B and change, in that order, as the prepared form has them; the words in each text's order."""
    comparison = compare("猫吃鱼", "鱼吃猫", heads=4)
    head, _ = opened(render_page(comparison))
    found = sheets_of(render_page(comparison))
    alls, means = prepare_comparison(comparison, head="all"), prepare_comparison(comparison, head="mean")
    wanted = [p.values for form, mean in zip(alls, means, strict=True) for p in (*form.panels, *mean.panels)]
    assert len(found) == len(wanted) == 2 * 5 * 3
    for actual, expected in zip(found, wanted, strict=True):
        assert_near(actual, expected)
    assert [text["words"] for text in head["texts"]] == [[0, 1, 2], [2, 1, 0]]
    assert head["notes"][1][0]["en"] == str(comparison.verdicts()[1])


def test_settings_that_differ_in_the_mask():
    """Runs that differ only in their mask are told apart by it, and each side has its own forbidden cells."""
    masks = ("none", "causal", "window:1")
    pairs = [(run("猫吃鱼", mask=mask), run("鱼吃猫", mask=mask)) for mask in masks]
    head = opened(render_page(compare_pairs(pairs)))[0]
    assert [each["en"] for each in head["layers"]] == [
        "without positions, no mask",
        "without positions, causal mask",
        "without positions, window mask (1 each way)",
    ]
    assert not [part["en"] for part in head["captions"][0] if "mask" in part["en"]]
    masked = [[sheet["mask"] for sheet in head["sheets"][3 * i : 3 * i + 3]] for i in range(3)]
    assert masked[0] == [-1, -1, -1]
    assert masked[1][0] != masked[1][1]
    assert min(masked[1][:2]) >= 0


@pytest.mark.parametrize("head", ["mean", "1", "who acts"])
def test_comparison_of_one_head(head):
    """Where a head is named, the page has that one alone."""
    data, _ = opened(render_page(compare("猫吃鱼", "鱼吃猫", heads=4), head=head))
    assert len(data["heads"]) == 1


def test_cross_attention():
    """Rows and columns are different texts; each is there to be read."""
    head, _ = opened(render_page(run("猫吃鱼", keys="the cat eats")))
    assert (head["rows"], head["columns"]) == (["猫", "吃", "鱼"], ["the", "cat", "eats"])
    assert (head["rowTexts"], head["columnText"], len(head["texts"])) == ([0], 1, 2)
    head, _ = opened(render_page(compare("猫吃鱼", "鱼吃猫", keys="the cat eats")))
    assert (head["rowTexts"], head["columnText"], len(head["texts"])) == ([0, 1, 0], 2, 3)


@pytest.mark.parametrize(
    ("source", "words", "read"),
    [
        ("The fish eats the cat", "[CLS] The,0 cat,18 eats,9 the,14 fish,4 [SEP]", "[CLS] The fish eats the cat [SEP]"),
        ("鱼吃猫", "[CLS] 猫,2 吃,1 鱼,0 [SEP] [PAD]", "[CLS] 鱼吃猫 [SEP] [PAD]"),
        ("a b\nc", "a,0 b,2 [SEP] c,4", "a b [SEP]\nc"),
        ("b a c", "<s> a,2 <x> b,0 c,4 </s>", "<s> b a <x> c </s>"),
        ("", "[CLS] [SEP]", "[CLS] [SEP]"),
    ],
)
def test_special_tokens_leave_a_text_in_its_order(source, words, read):
    """Tokens that stand for no text begin it, end it or stay behind their word; the others are where the text is."""
    tokens = tuple(
        Token(one, None if not at else int(at), None if not at else int(at) + len(one))
        for one, _, at in (word.partition(",") for word in words.split())
    )
    found = document.page_text(source, tokens)
    pairs = zip(found.gaps, found.words, strict=True)
    assert "".join(gap + tokens[word].text for gap, word in pairs) + found.tail == read


@given(st.lists(st.sampled_from(["猫", "👩‍👩‍👧", "cat", "𠮷", " ", "\n", "é", "。", "\t"]), min_size=1, max_size=12))
def test_text_is_cut_in_code_points(parts):
    """Words and what is between them, joined in reading order, are the text, whatever its code points."""
    text = "".join(parts)
    if not text.strip():
        return
    attention = run(text, embedding="hash", tokens="char")
    head, _ = opened(render_page(attention))
    (shown,) = head["texts"]
    joined = "".join(gap + head["rows"][word] for gap, word in zip(shown["gaps"], shown["words"], strict=True))
    assert joined + shown["tail"] == text.replace("\t", "    ")


@pytest.mark.parametrize("token", HOSTILE)
def test_hostile_tokens(token):
    """No token ends an element, begins one, or fills a place of the page."""
    tokens = (Token(token), Token("cat"))
    attention = Attention(tokens, tokens, np.full((1, 1, 2, 2), 0.5), source=token + "cat", provenance=PROVENANCE)
    plain = render_page(
        Attention(
            (Token("x"), Token("cat")),
            (Token("x"), Token("cat")),
            np.full((1, 1, 2, 2), 0.5),
            source="xcat",
            provenance=PROVENANCE,
        )
    )
    page = render_page(attention)
    page.encode("utf-8")
    tags = re.compile(r"<[a-zA-Z/!]+")
    assert tags.findall(page) == tags.findall(plain)
    assert opened(page)[0]["columns"][1] == "cat"
    assert not re.search(r"<img|<svg onload", page)


def test_nothing_from_elsewhere():
    """The policy allows this style and these scripts, by hash, and no request; no address stands in them."""
    page = render_page(run("猫吃鱼"))
    policy = re.search(r'http-equiv="Content-Security-Policy" content="(.*?)"', page)[1]
    script = inflate(re.search(r'id="script">(.*?)</script>', page)[1]).decode()
    for tag, name in (("script", "script-src"), ("style", "style-src")):
        (body,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        allowed = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (body, script)]
        hashes = " ".join(f"'sha256-{digest}'" for digest in allowed[: 2 if tag == "script" else 1])
        assert f"{name} {hashes};" in policy
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    assert set(re.findall(r"https?://[^\s\"'`]*", page + script)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"\b(eval|Function|fetch|XMLHttpRequest|WebSocket|import)\s*\(", page + script)
    assert not re.search(r"\son\w+\s*=|\sstyle=\"(?!image-rendering)", page)


def test_same_page_again():
    """The same input gives the same bytes."""
    assert render_page(run("猫吃鱼", heads=4)) == render_page(run("猫吃鱼", heads=4))


@pytest.mark.parametrize("causal", [False, True])
def test_size(causal):
    """A page of 12 x 12 heads on 64 and 128 words stays in proportion to 8 MB on 256."""
    for count in (64, 128):
        page = render_page(softmaxed(12, 12, count, causal=causal))
        assert len(page) <= 8e6 * (count / 256) ** 2 + 700_000


def test_small_page_is_small():
    """Three words are a page of about 80 kB."""
    assert len(render_page(run("猫吃鱼")).encode()) < 90_000


def test_precision_is_said():
    """Up to EXACT_UP_TO cells a page is exact, above it is rounded, and it says which."""
    assert opened(render_page(softmaxed(1, 1, int(EXACT_UP_TO**0.5))))[0]["precision"] == "exact"
    head, _ = opened(render_page(softmaxed(1, 1, int(EXACT_UP_TO**0.5) + 1)))
    assert (head["precision"], head["sheets"][0]["kind"]) == ("rounded", "u1")


@pytest.mark.parametrize("options", [{}, {"heads": 4, "mask": "causal"}, {"position": "alibi"}, {"temperature": 0.5}])
def test_how_a_weight_comes_about(options):
    """Every cell has the lines of its score, of e to its power and of its weight that `explain` has of it."""
    attention = run("猫吃新鲜的鱼", **options)
    for at, language in enumerate(("en", "zh")):
        with speaking(language), printed_minus():
            head, blocks = opened(render_page(attention))
            terms = json.loads(inflate(blocks[head["terms"]]))
            read = partial(read_line, texts=[text[at] for text in terms["texts"]], language=language)
            for h, token, cell in np.ndindex(len(attention.heads), len(attention.query), len(attention.key)):
                sheet = make_sheet(explain_attention(attention, token=token, cell=cell, head=h), 4)
                lines = {section.title: section.lines for section in sheet.sections}
                for title, formula, _, cells, whole in terms["sheets"][h][token]:
                    title, formula = terms["texts"][title][at], terms["texts"][formula][at]
                    own = lines.get(title, ())
                    if cells[cell]:
                        assert read(cells[cell]) == " ".join(part for entry in own[0].entries for part in entry)
                        assert formula in [section.formula for section in sheet.sections]
                    assert bool(whole) == (title == lines_with_sum(sheet))
    assert len(terms["sheets"]) == len(attention.heads) + (len(attention.heads) > 1)
    assert terms["sheets"][len(attention.heads) :] in ([], [None])  # the mean of heads has no score


def read_line(line, texts, language):
    """A line as the page's script writes it."""
    if language == "en":
        line = re.sub(r"(^|[^\d.])0\.(?=\d)", r"\1.", line)
    return re.sub(r"\{(\d+)\}", lambda found: texts[int(found[1])], line)


def lines_with_sum(sheet):
    """The title of the step that has the sum of a row."""
    found = {"e to the power of the score", "e 的得分次方"}
    return next((section.title for section in sheet.sections if section.title in found), "")


def test_scores_that_are_not_known_are_not_told():
    """Longer texts, weights from elsewhere, reduced heads, comparisons and hidden words have no such block."""
    causal = run("猫吃鱼", mask="causal")
    assert opened(render_page(causal))[0]["terms"] >= 0
    for shown in (
        run("the cat eats the fish and the dog sees the old man today"),
        softmaxed(1, 2, 3),
        run("猫吃鱼", heads=4).mean(),
        compare("猫吃鱼", "鱼吃猫"),
    ):
        assert opened(render_page(shown))[0]["terms"] == -1
    assert opened(render_page(run("the cat eats the fish and sleeps", embedding="hash", heads=8)))[0]["terms"] == -1


def test_too_large(tmp_path, monkeypatch):
    """A page over the limit is refused with what to choose instead, and nothing is written."""
    monkeypatch.setattr(document, "LARGEST_PAGE", 100_000)
    with pytest.raises(InputError, match="layer and head"):
        save_attention(softmaxed(4, 4, 64), tmp_path / "x.html")
    assert list(tmp_path.iterdir()) == []
    save_attention(softmaxed(4, 4, 64), tmp_path / "x.html", layer="3", head="0")
    head, _ = opened((tmp_path / "x.html").read_text("utf-8"))
    assert (len(head["sheets"]), head["titles"][0]["en"]) == (1, "layer 3, head 0")


def test_limit():
    """The limit is 200 MB."""
    assert document.LARGEST_PAGE == 200_000_000


def test_saves_all_layers(tmp_path):
    """Without --layer and --head a page has them all; with them, the chosen ones, under their own numbers."""
    save_attention(softmaxed(3, 2, 4), tmp_path / "x.html")
    head, _ = opened((tmp_path / "x.html").read_text("utf-8"))
    assert ([x["en"] for x in head["layers"]], len(head["sheets"])) == (["0", "1", "2"], 9)
    save_comparison(compare("猫吃鱼", "鱼吃猫"), tmp_path / "y.html")
    assert (tmp_path / "y.html").read_text("utf-8").startswith("<!doctype html>")


def test_every_sentence_is_used():
    """Each sentence of the table is said somewhere on the page, and none that is said is missing."""
    sources = (*SCRIPTS, files("attnviz.views.page").joinpath("page.html"))
    text = "".join(source.read_text("utf-8") for source in sources)
    said = set(re.findall(r'\bsay\("(\w+)"|data-(?:say|label)="(\w+)"', text))
    assert {name for pair in said for name in pair if name} <= set(SENTENCES)
    named = set(re.findall(r'"(\w+)"', text))
    built = re.compile(r"^(colours|order|picture|previous|next|zoom|special|speed)_")
    unused = [name for name in SENTENCES if name not in named and not built.match(name)]
    # two by Python
    assert unused == ["too_old", "no_script"]


def node(code):
    """What Node prints for this code, an ES module."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    command = ["node", "--input-type=module"]
    done = subprocess.run(command, input=code, capture_output=True, timeout=60, check=False, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    return done.stdout


def from_script(module, *names):
    """An import of names from a module of the page's script."""
    address = Path(str(FOLDER.joinpath(f"{module}.mjs"))).as_uri()
    return f"import {{ {', '.join(names)} }} from {json.dumps(address)};\n"


def test_numbers_are_written_alike():
    """The script writes a number as the tables do, ties, signs and all."""
    random = np.random.default_rng(0)
    values = [0.0, 1.0, 0.5, 0.25, 0.125, 0.0625, 0.03125, 0.375, 0.9995, 0.99951171875, 1e-9, 5e-324, 2.5, 12.345678]
    values += [float(np.float32(x)) for x in random.random(500)] + list(random.random(500) * 1e-4)
    values += [k / 2**n for n in range(1, 12) for k in (1, 3, 5, 7)]
    values += [-x for x in values]
    cases = [(x, d, p) for x in values for d in (1, 2, 3, 7, 9) for p in (False, True) if x or not p]
    printed = node(
        from_script("numbers", "formatNumber")
        + f"console.log(JSON.stringify({json.dumps(cases)}.map((each) => formatNumber(...each))))"
    )
    with printed_minus():
        wanted = [number(x, d, plus=p) for x, d, p in cases]
    assert [a for a in zip(cases, json.loads(printed), wanted, strict=True) if a[1] != a[2]] == []


@pytest.mark.parametrize("diverging", [False, True])
def test_ratios_are_placed_alike(diverging):
    """The script places a number on a scale of ratios where the scale does."""
    random = np.random.default_rng(3)
    values = np.array([*random.uniform(-1, 1, 300), *(10.0 ** random.uniform(-7, 0, 300)), 0.0, 1.0])
    values = values if diverging else np.abs(values)
    cases = []
    for high, floor in ((1.0, 1e-4), (0.7, 0.1), (0.5, 0.5), (0.0, 0.0), (1e-3, 1e-5)):
        scale = Scale(-high if diverging else 0.0, high, diverging, "log", floor)
        cases += [(floor, high, diverging, x, p) for x, p in zip(values.tolist(), scale.place(values), strict=True)]
    script = f"{json.dumps([case[:4] for case in cases])}.map((each) => placeLog(...each))"
    printed = json.loads(node(from_script("numbers", "placeLog") + f"console.log(JSON.stringify({script}))"))
    assert_near64(printed, [case[4] for case in cases])


@pytest.mark.parametrize("diverging", [False, True])
def test_colours_are_chosen_alike(diverging):
    """The script gives a number the same one of 256 colours as the scale, on a linear scale."""
    values = np.linspace(-1 if diverging else 0, 1, 1021) * 0.7
    scale = Scale(-0.7 if diverging else 0.0, 0.7, diverging)
    cases = [[scale.low, scale.high, diverging, value] for value in values.tolist()]
    script = f"{json.dumps(cases)}.map((each) => roundHalfEven(255 * placeLinear(...each)))"
    printed = node(from_script("numbers", "placeLinear", "roundHalfEven") + f"console.log(JSON.stringify({script}))")
    assert json.loads(printed) == np.rint(255 * scale.place(values)).astype(int).tolist()


def test_floors_are_found_alike():
    """The script finds the floor of a logarithmic scale as Python does: the smallest number, of four decades."""
    for numbers in ([0.5, 0.25, 0.0], [0.5, 1e-9], [0.0, 0.0], [0.3], [-0.5, 0.001]):
        high = max(map(abs, numbers))
        printed = node(from_script("numbers", "logFloor") + f"console.log(logFloor({numbers}, {high}))")
        assert float(printed) == spread_scale(Scale(0.0, high), "log", [np.array(numbers)]).floor


def test_script_opens_masks():
    """The script opens a mask to the cells that are forbidden."""
    forbidden = np.random.default_rng(2).random((5, 7)) < 0.5
    printed = node(
        from_script("blocks", "readMask", "unpack")
        + f"console.log(JSON.stringify(Array.from(readMask(await unpack({json.dumps(encode_mask(forbidden))}), 35))))"
    )
    assert np.array_equal(np.reshape(json.loads(printed), (5, 7)).astype(bool), forbidden)


def test_script_opens_blocks():
    """The script opens a block to the numbers that Python has for it."""
    random = np.random.default_rng(1)
    weights, changes = random.random((5, 7)).astype(np.float32), random.uniform(-1, 1, (5, 7)).astype(np.float32)
    blocks = [
        encode_matrix(weights, exact=True),
        encode_matrix(weights, exact=False),
        encode_matrix(changes, exact=False),
        encode_matrix(changes.astype(np.float64), exact=True),
    ]
    printed = node(
        from_script("blocks", "readNumbers", "unpack")
        + f"Promise.all({json.dumps(blocks)}.map(async ([kind, text]) => "
        "Array.from(readNumbers(kind, await unpack(text), 5, 7).values)))"
        ".then((all) => console.log(JSON.stringify(all)))"
    )
    for block, found in zip(blocks, json.loads(printed), strict=True):
        assert_near64(np.reshape(found, (5, 7)), decode_block(block, (5, 7)))


def test_digits_are_certain():
    """No more digits are shown than half a step allows: the last one is wrong by at most one."""
    printed = node(
        from_script("numbers", "certainDigits")
        + "console.log(JSON.stringify([1, .5, .26, .1, .02, .004].map((x) => certainDigits(x, 255, 9))))"
    )
    for largest, digits in zip((1, 0.5, 0.26, 0.1, 0.02, 0.004), json.loads(printed), strict=True):
        assert largest / 510 <= 0.5 * 10.0**-digits < 10 * largest / 510 * 2


def test_languages():
    """The page has every sentence in both languages, none of them empty, and opens in the language in use."""
    with speaking("zh"):
        page = render_page(run("猫吃鱼", heads=4))
    head, _ = opened(page)
    assert (head["language"], opened(render_page(run("猫吃鱼")))[0]["language"]) == ("zh", "en")
    assert '<html lang="zh">' in page
    english, chinese = head["sentences"]["en"], head["sentences"]["zh"]
    assert list(english) == list(chinese) == list(SENTENCES)
    assert all(english.values())
    assert [name for name in chinese if not re.search(r"[\u4e00-\u9fff「]", chinese[name])] == []
    for name in SENTENCES:
        assert sorted(re.findall(r"\{\w+\}", english[name])) == sorted(re.findall(r"\{\w+\}", chinese[name]))
    assert [name["en"] for name in head["heads"]][::4] == ["who acts", "mean"]
    assert all(re.search(r"[\u4e00-\u9fff]", name["zh"]) for name in head["heads"])


def test_words_that_the_other_text_lacks_stand_before_the_end():
    """Words of a text that are no tokens of the axis stand where they are, before the tokens that end the text."""
    tokens = tuple(Token(*each) for each in [("[CLS]",), ("bank", 0, 4), ("of", 5, 7), ("[SEP]",), ("[PAD]",)])
    found = document.page_text("bank of the river\n", tokens)
    pairs = zip(found.gaps, found.words, strict=True)
    assert "".join(gap + tokens[word].text for gap, word in pairs) == "[CLS] bank of the river [SEP] [PAD]"
    assert found.tail == "\n"


@pytest.mark.parametrize(("b", "says"), [("鱼吃猫", True), ("猫吃鱼", False)])
def test_a_comparison_says_whose_order_the_words_have(b, says):
    """Rows and columns are in the first text's order; the page says so where the second one has another."""
    head, _ = opened(render_page(compare("猫吃鱼", b)))
    assert head["axes"]["en"].endswith("the words in the order of the first text") is says
