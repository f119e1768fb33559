"""Pages that everybody can read: links that lead somewhere, nothing fetched, headings, landmarks, texts for images."""

import re
from itertools import pairwise
from urllib.parse import unquote, urldefrag

LOADING = {"src", "srcset", "poster", "data", "action", "background"}


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


def test_every_page_has_its_landmarks_once(pages):
    for name, page in pages.items():
        tags = [tag for tag, _ in page.elements]
        assert [tags.count(tag) for tag in ("header", "main", "footer")] == [1, 1, 1], name
        assert tags.index("header") < tags.index("main") < tags.index("footer"), name
        assert "nav" in tags[: tags.index("main")], name
        assert page.all("main")[0]["tabindex"] == "-1", f"{name}: the skip link must move the focus"
        labels = [one["aria-label"] for one in page.all("nav")]
        assert len(labels) == len(set(labels)), f"{name}: {labels}"


def test_what_names_something_names_something_there(pages):
    for name, page in pages.items():
        for tag, attributes in page.elements:
            for target in attributes.get("aria-labelledby", "").split():
                assert target in page.ids, f"{name}: <{tag}> is named by {target}, which is not there"


def test_sections_and_tables_have_names(pages):
    for name, page in pages.items():
        if name.startswith("notebooks/"):  # what notebooks print is theirs
            continue
        for tag in ("section", "table"):
            for attributes in page.all(tag):
                assert {"aria-labelledby", "aria-label"} & attributes.keys(), f"{name}: {tag} {attributes}"
        for attributes in page.all("th"):
            assert attributes.get("scope") in ("col", "row"), f"{name}: {attributes}"


def test_the_navigation_says_where_one_is(pages):
    for file, marks in (("index", 2), ("profiles", 2), ("verdicts", 2), ("claims", 1), ("costs", 1)):
        here = [one for one in pages[f"{file}.html"].all("a") if one.get("aria-current") == "page"]
        assert len(here) == marks, file
