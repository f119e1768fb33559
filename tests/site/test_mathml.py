"""Formulas: every delimiter, nothing lost, nothing dangerous, always well formed."""

from xml.etree import ElementTree

import pytest

from companion.site.mathml import formula, text_with_formulas, text_without_formulas

MATHML = "{http://www.w3.org/1998/Math/MathML}"


def tags(markup):
    return [element.tag.removeprefix(MATHML) for element in ElementTree.fromstring(markup).iter()]


@pytest.mark.parametrize(
    "tex",
    [
        r"a < b > c",
        r"L(W)=\frac12\,\mathbb{E}_x\Big[\sum_{i=1}^K\sigma(w_i^\top x)\Big]^2",
        r"\text{<script>alert(1)</script> & more}",
        r"\begin{aligned}a&=b\\c&=d\end{aligned}",
        r"\begin{align}a&=b\label{eq:one}\\c&=d\nonumber\end{align}",
        r"\begin{cases}1&x>0\\0&\text{else}\end{cases}",
        r"\lVert w\rVert_2\le\infty, \quad |x| \sim \mathcal{N}(0,1/D)",
        r"\left.\frac{a}{b}\right|_{x=0}",
    ],
)
def test_formulas_are_well_formed_and_say_their_source(tex):
    root = ElementTree.fromstring(formula(tex, display=True))
    assert root.tag == f"{MATHML}math"
    assert root.get("display") == "block"
    assert root.get("alttext") == tex
    assert "script" not in tags(formula(tex))


@pytest.mark.parametrize("tex", [r"\frac{", r"\left(", "a_b_c", "", "^", r"\text", r"\begin{", r"\limits_x"])
def test_a_formula_that_cannot_be_read_is_shown_as_it_is(tex):
    assert formula(tex) == f'<code class="tex">{tex}</code>'


@pytest.mark.parametrize("delimited", ["$x^2$", "$$x^2$$", r"\(x^2\)", r"\[x^2\]", " $$\nx^2\n$$ "])
def test_delimiters_around_an_equation_are_dropped(delimited):
    assert formula(delimited) == formula("x^2")


def test_text_is_escaped_and_formulas_are_drawn_whatever_their_delimiters():
    html = text_with_formulas(r"<b> a $x$ b \(y\) c $$z$$ d \[w\] & e")
    assert html.startswith("&lt;b&gt; a <math")
    assert html.endswith("</math> &amp; e")
    assert html.count('display="inline"') == 2
    assert html.count('display="block"') == 2


@pytest.mark.parametrize("text", ["from $5 to $6", "$ 5 and 6 $", r"a \$5\$ note", "one $ alone"])
def test_dollars_that_are_money_stay(text):
    assert text_with_formulas(text) == text.replace(r"\$", "$")


def test_what_touches_a_formula_stays_on_its_line():
    html = text_with_formulas("the families II($p$), and $q$ too")
    assert '<span class="together">II(<math' in html
    assert "</math>),</span> and <math" in html


def test_several_lines_of_a_derivation_become_rows():
    assert tags(formula(r"\begin{aligned}a&=b\\c&=d\end{aligned}")).count("mtr") == 2


def test_upright_words_stay_words():
    assert "<mtext>tr</mtext>" in formula(r"\mathrm{tr}\,N")


def test_links_inside_formulas_lead_nowhere():
    root = ElementTree.fromstring(formula(r"\href{javascript:alert(1)}{x}"))
    assert not [element for element in root.iter() if element.get("href")]


def test_bars_are_no_relations_and_signs_are_operators():
    assert formula("|x|").count('lspace="0em"') == 2
    assert '<mo lspace="0em">∼</mo>' in formula(r"\sim x")


def test_alternative_texts_can_be_read_aloud():
    assert text_without_formulas(r"Loss at $K\,=\,10$ and \(\lambda\)") == "Loss at K = 10 and lambda"


def test_large_bars_of_a_norm_are_drawn():
    bars = [
        element.text for element in ElementTree.fromstring(formula(r"\Bigl\|x\Bigr\|^2")).iter(f"{MATHML}mo")
    ]
    assert bars == ["‖", "‖"]
