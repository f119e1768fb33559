"""The gallery, opened from disk by a browser that may not speak to anybody."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

pytestmark = pytest.mark.browser

_PAGES = ("index", "profiles", "verdicts", "claims", "notebooks", "costs")
_WITHOUT_TEXT = """() => [...document.images].filter(image => !image.alt.trim()).map(image => image.src)"""
_BROKEN = """async () => {
    for (const image of document.images) image.loading = 'eager';
    await Promise.all([...document.images].map(image => image.decode().catch(() => null)));
    return [...document.images].filter(image => !image.naturalWidth).map(image => image.src);
}"""
_LINKS = "() => [...document.querySelectorAll('a[href]')].map(link => link.href)"
_TOO_WIDE = """() => {
    const page = document.documentElement;
    return page.scrollWidth > page.clientWidth + 1 ? page.scrollWidth : 0;
}"""


class Watched:
    """Pages without a network, and what they tried to fetch or complained about."""

    def __init__(self, context: BrowserContext) -> None:
        self.requests: list[str] = []
        self.complaints: list[str] = []
        context.set_offline(True)
        context.on("request", lambda request: self.requests.append(request.url))
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        context.on("console", self._heard)
        self.page: Page = context.new_page()

    def _heard(self, message) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    @property
    def foreign(self) -> list[str]:
        return [address for address in self.requests if urlsplit(address).scheme not in ("file", "data")]


@pytest.fixture
def watched(browser: Browser) -> Iterator[Watched]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield Watched(context)
    context.close()


def test_every_page_opens_alone_with_its_pictures_and_their_texts(watched: Watched, gallery: Path):
    """Follows each link between pages; no request leaves, no image is missing or mute, no target is missing."""
    page, waiting, seen = watched.page, [gallery.as_uri()], set()
    while waiting:
        address = waiting.pop()
        if address in seen:
            continue
        seen.add(address)
        page.goto(address)
        assert page.evaluate(_WITHOUT_TEXT) == [], address
        assert page.evaluate(_BROKEN) == [], address
        assert page.locator("h1").count() == 1, address
        assert page.title().strip(), address
        for link in page.evaluate(_LINKS):
            parts = urlsplit(link)
            if parts.scheme == "file":
                target = Path(unquote(parts.path))
                assert target.is_file(), f"{address} links to {link}"
                if target.suffix == ".html":
                    waiting.append(target.as_uri())
    assert watched.foreign == []
    assert watched.complaints == []
    assert seen == {path.as_uri() for path in gallery.parent.rglob("*.html")}  # nothing is out of reach


@pytest.mark.parametrize("name", [f"{page}.html" for page in _PAGES])
@pytest.mark.parametrize("width", [320, 390, 768])
def test_pages_fit_a_small_screen(browser: Browser, gallery: Path, name: str, width: int):
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.goto((gallery.parent / name).as_uri())
    assert page.evaluate(_TOO_WIDE) == 0
    page.close()


@pytest.mark.parametrize("places", ["figures/laptop/*.html", "notebooks/*/*.html"])
def test_figures_and_notebooks_fit_a_phone(browser: Browser, gallery: Path, places: str):
    page, paths = (
        browser.new_page(viewport={"width": 390, "height": 800}),
        sorted(gallery.parent.glob(places)),
    )
    assert paths
    for path in paths:
        page.goto(path.as_uri())
        assert page.evaluate(_TOO_WIDE) == 0, path.name
    page.close()


def test_the_keyboard_reaches_the_text_and_the_figures(watched: Watched, gallery: Path):
    page = watched.page
    page.goto(gallery.as_uri())
    page.keyboard.press("Tab")
    first = page.evaluate("document.activeElement.className")
    assert first == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.tagName") == "MAIN"
    outlined = "getComputedStyle(document.activeElement).outlineStyle"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "A"
    assert page.evaluate(outlined) == "solid"


def test_dark_and_light_differ_and_print_drops_the_navigation(browser: Browser, gallery: Path):
    grounds = {}
    for scheme in ("light", "dark"):
        page = browser.new_page(color_scheme=scheme)
        page.goto(gallery.as_uri())
        grounds[scheme] = page.evaluate("getComputedStyle(document.body).backgroundColor")
        if scheme == "dark":
            page.emulate_media(media="print", color_scheme="dark")
            assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
            assert not page.locator(".masthead nav").is_visible()
        page.close()
    lightness = {scheme: sum(map(int, ground[4:-1].split(","))) for scheme, ground in grounds.items()}
    assert lightness["dark"] < 150 < 600 < lightness["light"]
