"""What the pages say of figures, claims, notebooks and costs."""

from companion.site.build import build_site

EVERY_FIGURE = (
    "laptop/p1_f1_losses",
    "laptop/p1_f2_stability",
    "laptop/zz_f1_mine",
    "night/p1_f1_losses",
    "smoke/p1_f1_losses",
)


def test_the_index_says_first_what_is_claimed_and_what_holds(pages):
    text = pages["index.html"].text
    assert "3 claims of 2 papers and 1 experiment of our own, each judged" in text
    assert "and 3 figures." in text
    assert "1 ✓ holds 1 ✗ fails 0 ◐ inconclusive 1 ○ not evaluated awaiting night 2 ⚠ with a surprise" in text
    glance = text[text.index("Claims at a glance") : text.index("By paper")]
    assert (
        "1 holds · 1 fails ✓ holds At K = M the endpoints are known. ⚠ with a surprise ✗ fails At" in glance
    )
    assert "⚠ unexpected" in glance
    assert "P3 Initialisation decides specialisation arXiv:2503.02526 1 still open ○ not evaluated" in glance
    assert "Awaits night." in glance
    links = [one["href"] for one in pages["index.html"].all("a")]
    assert {"verdicts.html#fails", "claims.html#p1_c1_minima", "#p1-night"} <= set(links)


def test_a_claim_that_was_to_be_refuted_is_no_alarm(small_project, read_pages):
    small_project.figure()
    small_project.claims(p1_c1_minima=small_project.claim(verdict="fails", expected="fails"))
    pages = read_pages(build_site(small_project.root).parent)
    assert "✗ fails 1 of them as registered" in pages["index.html"].text
    assert "Refuted, as registered." in pages["index.html"].text
    assert [one["class"] for one in pages["index.html"].all("li") if "class" in one] == ["refuted", "card"]
    assert "Against the register (0)" in pages["verdicts.html"].text
    assert "✗ fails as registered" in pages["verdicts.html"].text


def test_the_index_shows_each_figure_with_symbol_and_word(pages):
    index = pages["index.html"]
    for word in ("c1 ✓ holds", "⚠ unexpected", "c2 ✗ fails", "c1 ◐ inconclusive", "c1 ○ not evaluated"):
        assert word in index.text
    assert "The last run of mine at the profile laptop failed" in index.text
    assert [one["id"] for one in index.all("h2")] == ["at-a-glance", "p1", "zz"]
    assert [one["id"] for one in index.all("h3")] == [
        "claims-p1",
        "claims-p3",
        "p1-laptop",
        "p1-night",
        "p1-smoke",
        "zz-laptop",
    ]
    alternatives = [one["alt"] for one in index.all("img")]
    assert (alternatives[0], alternatives[-1]) == ("Endpoints of descent.", "Losses at K = 10")


def test_figures_by_profile(pages):
    page = pages["profiles.html"]
    assert [one["id"] for one in page.all("h2")] == ["laptop", "night", "smoke"]
    assert [one["id"] for one in page.all("h3")] == ["laptop-p1", "laptop-zz", "night-p1", "smoke-p1"]
    assert len(page.all("img")) == 5


def test_figures_by_verdict(pages):
    page = pages["verdicts.html"]
    sections = ["unexpected", "fails", "inconclusive", "holds", "not-evaluated"]
    assert [one["id"] for one in page.all("h2")] == [*sections, "no-claim"]
    for words in (
        "Against the register (2)",
        "Fails (1) — the interval lies outside the criterion p1_f2_stability At K = M",
        "Holds (1)",
        "✓ holds 0.99 [0.97, 1] P1 · decided at laptop · smoke: inconclusive",
        "Also: p1_f1_losses (night) , p1_f1_losses (smoke)",
        "Not evaluated (1) — a larger profile decides them, or a number is missing not drawn here",
        "No claim (1)",
        "zz_f1_mine no claim attached",
    ):
        assert words in page.text, words
    addresses = {one["href"] for one in page.all("a")}
    assert {f"figures/{name}.html" for name in EVERY_FIGURE} <= addresses


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
        "Cores 0.01 core-hours (36.0 s) GPUs 0 GPU-hours Computed within 40.0 s Memory up to 512 MB in one process",
        "@article{huang2026sharp, title = {{Sharp description}}",
        "@misc{tool,",
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


def test_a_figure_page_tells_what_changed(pages):
    text = pages["figures/night/p1_f1_losses.html"].text
    changed = text[text.index("What changed") : text.index("What repeats")]
    assert "Since the run of 1970-01-01 00:01 UTC What Before Now Parameter seed 2 3" in changed
    assert "Version of numpy 2.4.5 2.4.6 Since the last commit" in changed
    assert "Took 12.0 s (for p1_f1_losses only)" in text
    assert "Commit 89ef" in text
    other = pages["figures/laptop/p1_f1_losses.html"].text
    assert "No run of this machine has kept a record of its figures yet." in other


def test_a_figure_drawn_again_alike_says_so(full, read_pages):
    same = full.description(claims=["p1_c1_minima"])
    full.drawn(now={"figure": same}, before={"figure": same, "environment": {"host": "node9"}})
    text = read_pages(build_site(full.root).parent)["figures/laptop/p1_f1_losses.html"].text
    assert (
        "Nothing: the same numbers, parameters, verdicts and words, though not the same circumstances."
        in text
    )
    assert "Host node9 unknown" in text


def test_a_figure_without_a_paper_cites_the_software(pages):
    text = pages["figures/laptop/zz_f1_mine.html"].text
    assert "There is no paper of this figure yet: cite the software." in text
    assert "@misc{tool" in text
    assert "@article" not in text


def test_the_page_of_costs_has_a_row_per_notebook_and_says_what_is_not_known(pages):
    text = pages["costs.html"].text
    for words in (
        "All profiles together: 0.01 core-hours and 0 GPU-hours for 1 result, 1 kB on disk.",
        "What 1 more cost is not known on this machine: its store does not have them.",
        "p1_relu_landscape 0.01 0 40.0 s 512 MB 1 kB 1 1 min 23 s",
        "All of laptop 0.01 0 40.0 s 512 MB 1 kB 1 —",
        "By study (1)",
        "basin_census 0.01 0 40.0 s 512 MB 1 kB 1 p1_relu_landscape",
        "from its figures alone: no complete run on this machine",
        "not known on this machine: its one result is not in the store",
    ):
        assert words in text, words


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
