"""Foreign HTML: nothing runs, nothing is fetched, the rest stays."""

import pytest

from companion.site.offline import offline_html


@pytest.mark.parametrize(
    "source",
    [
        "<p>a</p>",
        '<table class="x"><tr><td>1 &lt; 2 &amp; &#8211;</td></tr></table>',
        '<a href="https://arxiv.org/abs/1">paper</a>',
        '<a href="#below">below</a>',
        '<img src="data:image/png;base64,AA==" alt="a plot">',
        '<math alttext="x"><mi>x</mi><mspace width="1em"></mspace></math>',
        '<svg viewbox="0 0 1 1"><use xlink:href="#icon"></use></svg>',
        "<style>.a > .b { color: red }</style>",
        '<p style="background: url(data:image/png;base64,AA==)">b<br>c</p>',
        '<input type="checkbox" checked>',
    ],
)
def test_harmless_html_is_left_alone(source):
    assert offline_html(source) == source


@pytest.mark.parametrize(
    ("source", "cleaned"),
    [
        ("a<script>alert('<b>')</script>b", "ab"),
        ('<script src="https://x.org/a.js"></script>', ""),
        ("<iframe src='https://x.org'><p>in</p></iframe>after", "after"),
        ('<link rel="stylesheet" href="https://x.org/a.css"><meta name="a">', ""),
        ('<p onclick="go()">a</p>', "<p>a</p>"),
        ('<img src="https://x.org/a.png" alt="a &amp; b">', '<a href="https://x.org/a.png">a &amp; b</a>'),
        ('<img src="plot.png" alt="plot">', "<span>[plot]</span>"),
        ('<img src="//x.org/a.png">', "<span>[Image]</span>"),
        ('<img src="data:image/png;base64,AA==">', '<img src="data:image/png;base64,AA==" alt="Image">'),
        ("<p style=\"background: url('https://x.org/a')\">a</p>", "<p>a</p>"),
        ("<style>@import 'https://x.org/a.css';</style>", "<style></style>"),
        ('<svg><image href="https://x.org/a.png"></image></svg>', "<svg><image></image></svg>"),
        ('<a href="javascript:go()">a <b>b</b></a>', "a <b>b</b>"),
        ('<a href="file:///etc/passwd">a</a>', "a"),
        ("<video src='a.mp4'><source src='b'>words</video>", ""),
        ("a<!-- comment -->b", "ab"),
    ],
)
def test_what_would_run_or_load_is_taken_out(source, cleaned):
    assert offline_html(source) == cleaned


def test_relative_links_lead_where_the_site_says():
    pages = {"other.py": "other.html"}
    html = offline_html('<a class="x" href="other.py">o</a> <a href="gone.py">g</a>', pages.get)
    assert html == '<a class="x" href="other.html">o</a> g'
