"""The whole gallery: whole pages, links that lead somewhere, nothing fetched, equal inputs equal bytes."""

import re
import subprocess
import sys
import time
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest

from companion.site.build import build_site

VOID = {"area", "br", "col", "hr", "img", "input", "link", "meta", "wbr"}
LOADING = {"src", "srcset", "poster", "data", "action", "background"}


class Page(HTMLParser):
    """A page as a strict reader sees it; raises AssertionError where elements are not closed in order."""

    def __init__(self, path):
        super().__init__()
        self.elements, self.open, self.words = [], [], []
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        assert not self.open, f"{path}: {self.open} never closed"

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open[-1] == tag, f"</{tag}> closes <{self.open[-1]}>"
        self.open.pop()
        self.words.append(" ")

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self):
        return " ".join("".join(self.words).split())

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def ids(self):
        return [attributes["id"] for _, attributes in self.elements if "id" in attributes]


def pages_of(site: Path) -> dict[str, Page]:
    return {str(path.relative_to(site)): Page(path) for path in sorted(site.rglob("*.html"))}


def bytes_of(site: Path) -> dict[str, bytes]:
    return {str(path.relative_to(site)): path.read_bytes() for path in site.rglob("*") if path.is_file()}


def fill(make):
    """A project where everything was run, some of it badly."""
    make.figure(claims=["p1_c1_minima"])
    make.figure("p1_f2_stability", title="<b>Stability</b> & more", caption="a < b", equation=None, pdf=False)
    make.figure("zz_f1_mine", notebook="mine", caption="", parameters={}, data_key=None, keys=[])
    make.figure(profile="smoke", claims=["p1_c1_minima"])
    make.claims(
        p1_c1_minima=make.claim(
            criterion_changed=True,
            criterion_was={"criterion": "x", "version": 0},
            seeds="confirmatory",
            regimes=[
                make.regime("holds", description="at $K=1$"),
                make.regime("fails", description="a short run"),
            ],
        ),
        p1_c2_windows=make.claim(
            "p1_c2_windows", verdict="fails", deterministic=True, figure="p1_f2_stability", source="a talk"
        ),
        p3_c1_later=make.claim(
            "p3_c1_later",
            verdict="not evaluated",
            value=None,
            interval=None,
            figure="p3_f1_none",
            notes=["needs night"],
            deciding_profile="night",
            decides=False,
        ),
    )
    make.claims("smoke", p1_c1_minima=make.claim(verdict="inconclusive", decides=False, value=None))
    make.run()
    make.notebook(
        make.text("# Minima\n\n$$x$$ [paper](https://arxiv.org/abs/1) ![away](https://x.org/a.png)"),
        make.code(
            "draw()",
            make.drawing(),
            make.shown(text__html="<table><tr><td>1</td></tr></table>"),
            tags=("p1_f1_losses",),
        ),
    )
    make.notebook(make.text("no heading"), make.code("1/0"), name="mine.failed")
    failure = {
        "cell": 2,
        "line": 40,
        "ename": "ValueError",
        "evalue": "<W>",
        "source": "f()",
        "traceback": ["\x1b[31ma\x1b[0m"],
    }
    notebooks = [{"name": "p1_relu_landscape", "failure": None}, {"name": "mine", "failure": failure}]
    make.write("build/runs/laptop/summary.json", {"notebooks": notebooks})
    return make


@pytest.fixture
def full(small_project):
    return fill(small_project)


@pytest.fixture(scope="module")
def site(new_project, tmp_path_factory):
    """A gallery that tests only read."""
    return build_site(fill(new_project(tmp_path_factory.mktemp("full"))).root).parent


@pytest.fixture(scope="module")
def pages(site):
    return pages_of(site)


def test_every_page_is_there(site, pages):
    assert set(pages) == {
        "index.html",
        "claims.html",
        "notebooks.html",
        "figures/laptop/p1_f1_losses.html",
        "figures/laptop/p1_f2_stability.html",
        "figures/laptop/zz_f1_mine.html",
        "figures/smoke/p1_f1_losses.html",
        "notebooks/laptop/p1_relu_landscape.html",
        "notebooks/laptop/mine.failed.html",
    }
    assert (site / "figures/laptop/p1_f1_losses.pdf").is_file()


def test_links_and_anchors_lead_somewhere(site, pages):
    followed = 0
    for name, page in pages.items():
        for attributes in page.all("a") + page.all("link") + page.all("img"):
            address = attributes.get("href") or attributes.get("src") or ""
            if address.startswith(("https://", "data:")):
                continue
            file, anchor = urldefrag(address)
            target = (site / name).parent / unquote(file) if file else site / name
            assert target.is_file(), f"{name}: {address} leads nowhere"
            if anchor:
                assert anchor in pages[str(target.resolve().relative_to(site))].ids, f"{name}: no {address}"
            followed += 1
    assert followed > 60


def test_nothing_is_fetched_and_nothing_runs(site, pages):
    for name, page in pages.items():
        for tag, attributes in page.elements:
            assert tag not in {"script", "iframe", "object", "embed"}, f"{name}: <{tag}>"
            loaded = [attributes[key] or "" for key in attributes.keys() & LOADING]
            loaded += [attributes["href"]] if tag == "link" else []
            assert not [address for address in loaded if re.match(r"\s*(https?:|//)", address)], (
                f"{name}: {loaded}"
            )
            assert not [key for key in attributes if key.startswith("on")], f"{name}: {attributes}"
    for sheet in site.glob("*.css"):
        assert not re.search(r"@import|url\(|https?:", sheet.read_text(encoding="utf-8"))


def test_people_who_listen_find_their_way(pages):
    for name, page in pages.items():
        assert [tag for tag, _ in page.elements].count("h1") == 1, name
        assert page.all("html")[0]["lang"] == "en"
        assert page.all("a")[0]["href"] == "#main"
        assert "main" in page.ids
        assert len(page.ids) == len(set(page.ids)), f"{name}: an id is used twice"
        assert all(attributes.get("alt") for attributes in page.all("img")), f"{name}: an image without words"
        assert all(attributes.get("aria-label") for attributes in page.all("nav")), name
        headings = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
        assert all(after - before <= 1 for before, after in pairwise(headings)), f"{name}: {headings}"


def test_titles_differ(pages):
    heads = {}
    for name, page in pages.items():
        heads.setdefault(page.text.split(" · companion")[0], []).append(name)
    assert heads["Figures"] == ["index.html"]
    assert "Stability" in "".join(heads)


def test_the_index_shows_each_figure_with_symbol_and_word(pages):
    index = pages["index.html"]
    assert "3 figures from 2 papers" in index.text
    for word in ("c1 ✓ holds", "⚠ unexpected", "c2 ✗ fails", "c1 ◐ inconclusive", "○ not evaluated"):
        assert word in index.text
    assert "The last run of mine at the profile laptop failed" in index.text
    assert [one["id"] for one in index.all("h2")] == ["p1", "zz"]
    assert [one["id"] for one in index.all("h3")] == ["p1-laptop", "p1-smoke", "zz-laptop"]
    alternatives = [one["alt"] for one in index.all("img")]
    assert (alternatives[0], alternatives[-1]) == ("Endpoints of descent.", "Losses at K = 10")


def test_a_figure_page_tells_where_everything_comes_from(pages):
    page = pages["figures/laptop/p1_f1_losses.html"]
    for words in (
        "python run_all.py p1_relu_landscape --profile laptop --only p1_f1_losses --set seed=3",
        "students [8, 10] params/p1_relu_landscape/laptop.yaml:4",
        "Made by basin_census",
        "Commit 0123abcd+changes Host node12",
        "Took 1 min 23 s (the whole notebook)",
        "Versions numpy 2.4.6",
        "confirmatory",
        "⚠ unexpected hold",
        "✗ fails, as registered",
        "criterion changed: version 0 → 1",
    ):
        assert words in page.text, words
    links = [one.get("href") for one in page.all("a")]
    assert "../../notebooks/laptop/p1_relu_landscape.html#p1_f1_losses" in links
    assert "../smoke/p1_f1_losses.html" in links
    assert page.all("img") == [
        {
            "src": "p1_f1_losses.png",
            "alt": "Losses at K = 10. Endpoints of descent.",
            "width": "60",
            "height": "40",
        }
    ]


def test_what_is_text_is_never_markup(pages):
    page = pages["figures/laptop/p1_f2_stability.html"]
    assert "<b>Stability</b> & more" in page.text
    assert "a < b" in page.text


def test_a_figure_without_pdf_says_so_and_shows_its_image(pages):
    page = pages["figures/laptop/p1_f2_stability.html"]
    assert "PDF: not made on this machine" in page.text
    assert "p1_f2_stability.png" in [one.get("href") for one in page.all("a")]


def test_a_figure_of_another_result_is_not_given_the_run(pages):
    assert "did not draw this figure from this result" in pages["figures/laptop/p1_f2_stability.html"].text
    assert "Commit" not in pages["figures/laptop/p1_f2_stability.html"].text


def test_a_verdict_of_a_small_profile_points_to_the_one_that_decides(pages):
    text = pages["figures/smoke/p1_f1_losses.html"].text
    assert "◐ inconclusive" in text
    assert "decided at laptop: ✓ holds" in text


def test_the_claims_page_has_one_row_per_claim(pages):
    page = pages["claims.html"]
    for identifier in ("p1_c1_minima", "p1_c2_windows", "p3_c1_later"):
        assert page.ids.count(identifier) == 1
    for words in (
        "✓ holds confirmatory decided at laptop smoke: inconclusive",
        "✗ fails ⚠ unexpected failure deterministic",
        "○ not evaluated exploratory seen at laptop, decided at night",
        "0.99 [0.97, 1]",
        "412 replicates",
        "should fail: ✓ holds ⚠ unexpected hold",
        "△ criterion changed: version 0 → 1",
        "needs night",
        "p3_f1_none: not drawn here",
    ):
        assert words in page.text, words
    links = [one.get("href") for one in page.all("a")]
    assert "https://arxiv.org/abs/2604.09412" in links
    assert "figures/laptop/p1_f1_losses.html" in links


def test_the_notebooks_page_shows_what_failed_and_where(pages):
    text = pages["notebooks.html"].text
    assert "Minima p1_relu_landscape complete 2026-09-21 14:13 UTC 1 min 23 s 1" in text
    assert "mine ✗ last run failed" in text
    assert "mine failed in cell [2], notebooks/mine.py:40 ValueError: <W>" in text
    assert "\x1b" not in text
    assert "This run failed" in pages["notebooks/laptop/mine.failed.html"].text


def test_a_fresh_clone_has_a_gallery_that_says_what_was_not_run(small_project):
    small_project.figure(claims=["p1_c1_minima"], pdf=False)
    small_project.claims(p1_c1_minima=small_project.claim())
    pages = pages_of(build_site(small_project.root).parent)
    text = pages["figures/laptop/p1_f1_losses.html"].text
    assert "Not run on this machine." in text
    assert "was not run on this machine" in text
    assert "✓ holds" in text
    assert "Not run on this machine" in pages["notebooks.html"].text


def test_an_empty_project_has_a_gallery_that_says_how_to_fill_it(tmp_path):
    pages = pages_of(build_site(tmp_path).parent)
    assert "make figures" in pages["index.html"].text
    assert "No claim has been judged yet" in pages["claims.html"].text


def test_what_cannot_be_read_is_said_on_the_index(full):
    full.write("figures/laptop/p1_f9_cut.json", "{")
    full.write("build/runs/laptop/cut.ipynb", "{")
    page = pages_of(build_site(full.root).parent)["index.html"]
    assert "Not everything could be read" in page.text
    assert "figures/laptop/p1_f9_cut.json" in page.text
    assert "build/runs/laptop/cut.ipynb" in page.text


def test_equal_inputs_give_equal_bytes_and_nothing_is_left_beside(full):
    index = build_site(full.root)
    first = bytes_of(index.parent)
    assert build_site(full.root) == index == full.root / "build" / "site" / "index.html"
    assert bytes_of(index.parent) == first
    assert sorted(path.name for path in (full.root / "build").iterdir()) == ["runs", "site"]


def test_pages_of_figures_that_are_gone_go_too(full):
    build_site(full.root)
    (full.root / "figures/laptop/zz_f1_mine.json").unlink()
    assert not (build_site(full.root).parent / "figures/laptop/zz_f1_mine.html").exists()


def test_the_gallery_goes_where_it_is_told(full, tmp_path):
    assert build_site(full.root, out=tmp_path / "elsewhere") == tmp_path / "elsewhere" / "index.html"
    assert (tmp_path / "elsewhere" / "style.css").is_file()


def test_a_folder_with_something_else_in_it_is_left_alone(full, tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "index.html").write_text("precious")
    with pytest.raises(ValueError, match="thesis"):
        build_site(full.root, out=tmp_path / "thesis")
    assert (tmp_path / "thesis" / "index.html").read_text() == "precious"


def test_sixty_figures_build_quickly_into_a_small_index(small_project):
    for number in range(60):
        small_project.figure(
            f"p1_f{number}_x", claims=["p1_c1_minima"], equation=rf"x_{{{number}}} = \frac{{1}}{{2}}"
        )
    small_project.claims(p1_c1_minima=small_project.claim())
    start = time.perf_counter()
    index = build_site(small_project.root)
    assert time.perf_counter() - start < 20
    assert index.stat().st_size < 1_000_000
    assert len(list(index.parent.glob("figures/laptop/*.html"))) == 60


def test_the_gallery_needs_neither_torch_nor_theory():
    code = (
        "import sys, companion.site.build; "
        "print([name for name in sys.modules if name.split('.')[0] == 'torch' or name.startswith('companion.theory.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
