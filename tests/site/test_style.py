"""Colours that can be read (WCAG AA), in light and in dark, of words and of code."""

import re

import pytest

from companion.site.pages import style_sheets

PAIRS = [
    ("ink", "paper"),
    ("ink", "shade"),
    ("soft", "paper"),
    ("soft", "shade"),
    ("soft", "code"),
    ("link", "paper"),
    ("link", "shade"),
    ("holds", "holds-ground"),
    ("holds", "paper"),
    ("fails", "fails-ground"),
    ("inconclusive", "inconclusive-ground"),
    ("missing", "missing-ground"),
    ("alarm", "alarm-ground"),
]
AA = 4.5


def luminance(colour):
    digits = colour.lstrip("#")
    digits = "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    darker, lighter = sorted([luminance(one), luminance(other)])
    return (lighter + 0.05) / (darker + 0.05)


def named_colours(scheme):
    light, dark = re.findall(r":root \{(.*?)\}", style_sheets()["style.css"], re.DOTALL)[:2]
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", light if scheme == "light" else dark))


def test_contrast_is_measured_as_the_standard_says():
    assert contrast("#000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#fff") == pytest.approx(4.48, abs=0.01)


def declared():
    """Colour of words and ground of each rule of the sheet; without a ground, all that it may stand on."""
    for selector, body in re.findall(r"([^{}@]+)\{([^{}]*)\}", style_sheets()["style.css"]):
        colour = re.search(r"(?<![-\w])color: var\(--([\w-]+)\)", body)
        ground = re.search(r"background(?:-color)?: var\(--([\w-]+)\)", body)
        if colour:
            grounds = (
                [ground[1]]
                if ground
                else ["paper", *(["shade"] if colour[1] in ("ink", "soft", "link") else [])]
            )
            yield from ((selector.strip(), colour[1], one) for one in grounds)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_rule_can_be_read(scheme):
    colours, rules = named_colours(scheme), list(declared())
    unread = [rule for rule in rules if contrast(colours[rule[1]], colours[rule[2]]) < AA]
    assert len(rules) > 40
    assert not unread


def test_no_rule_names_a_colour_beside_the_list():
    """All but white under pictures, which are drawn on it in both schemes, and the colours of terminals."""
    rules = style_sheets()["style.css"].split("* { box-sizing", 1)[1].split("@media print")[0]
    beside = {
        (selector.strip(), colour)
        for selector, body in re.findall(r"([^{}@]+)\{([^{}]*)\}", rules)
        for colour in re.findall(r"#[0-9a-fA-F]{3,6}\b", body)
        if colour != "#ffffff"
    }
    assert {selector.split()[0].split("-")[0] for selector, _ in beside} == {".no", ".ansi"}
    assert contrast("#5e584d", "#ffffff") >= AA
    assert contrast("#b3261e", named_colours("light")["paper"]) >= AA
    assert contrast("#ff9c94", named_colours("dark")["paper"]) >= AA


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_focus_is_seen(scheme):
    sheet, colours = style_sheets()["style.css"], named_colours(scheme)
    assert ":focus-visible { outline: 3px solid var(--link);" in sheet
    assert re.findall(r"([^\n{}]+)\{ outline: none", sheet) == ["main:focus "]
    for ground in ("paper", "shade", "code"):
        assert contrast(colours["link"], colours[ground]) >= 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), PAIRS)
def test_words_can_be_read(scheme, ink, ground):
    colours = named_colours(scheme)
    assert contrast(colours[ink], colours[ground]) >= AA


def test_both_schemes_name_the_same_colours():
    assert named_colours("light").keys() == named_colours("dark").keys()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_code_can_be_read(scheme):
    sheets = style_sheets()["code.css"].split("@media")
    rules = sheets[0] if scheme == "light" else sheets[1]
    found = re.findall(r"\.highlight \.(\w+) \{[^}]*?(?<!-)color: (#[0-9A-Fa-f]{3,6})", rules)
    ground = named_colours(scheme)["code"]
    unreadable = {
        name: colour for name, colour in found if contrast(colour, ground) < AA and name != "w"
    }  # w: blanks
    assert len(found) > 30
    assert not unreadable


def test_pages_have_a_form_for_paper_and_for_narrow_screens():
    sheet = style_sheets()["style.css"]
    assert "@media print" in sheet
    assert "max-width: 52rem" in sheet
