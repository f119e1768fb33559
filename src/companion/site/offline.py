"""HTML made by others, cleaned so that it neither runs anything nor loads anything from elsewhere."""

import re
from collections.abc import Callable, Iterable
from html import escape
from html.parser import HTMLParser

#: Elements dropped with all that is in them.
_DROPPED = frozenset({"script", "iframe", "object", "noscript", "template", "audio", "video"})
#: Void elements dropped by themselves.
_DROPPED_VOID = frozenset({"link", "meta", "base", "embed", "source", "track"})
_VOID = _DROPPED_VOID | {"area", "br", "col", "hr", "img", "input", "wbr"}
_LOADING_ATTRIBUTES = frozenset({"src", "srcset", "poster", "background", "data", "action", "formaction"})
_SCHEME = re.compile(r"^\s*([a-zA-Z][a-zA-Z0-9+.-]*):|^\s*//")
_LOADING_STYLE = re.compile(r"url\s*+\(\s*+['\"]?+\s*+(?!data:|#)|@import", re.IGNORECASE)
_PLAIN_SCHEMES = frozenset({"http", "https", "mailto", "doi"})

LinkTarget = Callable[[str], str | None]
"""Where a relative link leads on the site; None where it leads nowhere."""


def offline_html(source: str, link_target: LinkTarget = lambda url: None) -> str:
    """``source`` without scripts, frames, event attributes and anything loaded from a file or address.

    Images must be embedded (``data:``): others become links or their alternative texts. Plain links to
    addresses stay; relative ones go through ``link_target``, and where it says None only their text stays.
    """
    cleaner = _Cleaner(link_target)
    cleaner.feed(source)
    cleaner.close()
    return "".join(cleaner.pieces)


class _Cleaner(HTMLParser):
    def __init__(self, link_target: LinkTarget) -> None:
        super().__init__(convert_charrefs=False)
        self.pieces: list[str] = []
        self._link_target = link_target
        self._inside_dropped: list[str] = []
        self._open_links: list[bool] = []
        self._inside_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _DROPPED:
            self._inside_dropped.append(tag)
        if self._inside_dropped or tag in _DROPPED_VOID:
            return
        self._inside_style = tag == "style"
        if tag == "img":
            self.pieces.append(_image(dict(attrs)))
        elif tag == "a":
            self._open_link(attrs)
        else:
            self.pieces.append(_start(tag, attrs))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._inside_dropped:
            if tag == self._inside_dropped[-1]:
                self._inside_dropped.pop()
            return
        self._inside_style = False
        link_was_dropped = tag == "a" and bool(self._open_links) and not self._open_links.pop()
        if not link_was_dropped and tag not in _DROPPED | _VOID:
            self.pieces.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if not self._inside_dropped and not (self._inside_style and _LOADING_STYLE.search(data)):
            self.pieces.append(data)

    def handle_entityref(self, name: str) -> None:
        self.handle_data(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self.handle_data(f"&#{name};")

    def _open_link(self, attrs: list[tuple[str, str | None]]) -> None:
        url = dict(attrs).get("href")
        target = self._resolved(url) if url else None
        self._open_links.append(target is not None or url is None)
        if self._open_links[-1]:
            self.pieces.append(
                _start("a", [(name, target if name == "href" else value) for name, value in attrs])
            )

    def _resolved(self, url: str) -> str | None:
        scheme = _SCHEME.match(url)
        if scheme:
            return url if (scheme[1] or "").lower() in _PLAIN_SCHEMES else None
        return url if url.startswith("#") else self._link_target(url)


def _image(attributes: dict[str, str | None]) -> str:
    source, text = attributes.get("src") or "", attributes.get("alt") or "Image"
    if source.startswith("data:image/"):
        return _start("img", {**attributes, "alt": text}.items())
    if source.startswith(("http:", "https:")):
        return f'<a href="{escape(source)}">{escape(text)}</a>'
    return f"<span>[{escape(text)}]</span>"


def _start(tag: str, attributes: Iterable[tuple[str, str | None]]) -> str:
    kept = [(name, value) for name, value in attributes if _stays(tag, name, value or "")]
    written = (f" {name}" if value is None else f' {name}="{escape(value)}"' for name, value in kept)
    return f"<{tag}{''.join(written)}>"


def _stays(tag: str, name: str, value: str) -> bool:
    if name.startswith("on"):
        return False
    if name in _LOADING_ATTRIBUTES:
        return tag == "img" and name == "src"  # embedded: _image let no other through
    if name in ("href", "xlink:href"):
        return tag == "a" or value.startswith(("#", "data:image/"))
    return name != "style" or not _LOADING_STYLE.search(value)
