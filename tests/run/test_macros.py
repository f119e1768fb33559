"""Claims as LaTeX: names without digits, sensible digits, nothing that LaTeX would take for a command."""

import importlib
import json
import math
import pkgutil
import re
from pathlib import Path

import pytest

from companion import claims
from companion.claims.protocol import Claim
from companion.run.macros import MISSING, in_text, macro_name, macros, numbers
from companion.site.inventory import parse_claims
from companion.site.records import ClaimEntry

ROOT = Path(__file__).parents[2]
DEFINITION = re.compile(r"\\companionset\{\\([A-Za-z]+)\}\{(.*)\}")


def definitions(text: str) -> dict[str, str]:
    """Macros that a file defines; every line is one of them, a comment, blank, or the helper's own."""
    found = {}
    for line in text.splitlines():
        if line.startswith("%") or not line or line.startswith(r"\providecommand{\companionset}"):
            continue
        match = DEFINITION.fullmatch(line)
        assert match, line
        found[match[1]] = match[2]
    return found


def unescaped(text: str) -> str:
    """What is left of LaTeX text without formulas, commands and escaped letters: it must hold nothing special."""
    text = re.sub(r"(?<!\\)\$[^$]*\$", "", text)
    while (
        shorter := re.sub(
            r"\\ensuremath\{(?:[^{}]|\{[^{}]*\})*\}|\\text(bf|asciitilde|asciicircum|backslash)|\{\}",
            "",
            text,
        )
    ) != text:
        text = shorter
    return re.sub(r"\\[%&#_{}]", "", text.replace("{??}", ""))


def all_claims() -> list[Claim]:
    modules = [
        importlib.import_module(f"companion.claims.{found.name}")
        for found in pkgutil.iter_modules(claims.__path__)
    ]
    return [value for module in modules for value in vars(module).values() if isinstance(value, Claim)]


def test_no_two_claims_share_a_macro():
    names: dict[str, set[str]] = {}
    for claim in all_claims():
        names.setdefault(macro_name(claim.id), set()).add(claim.id)
    assert len(names) > 30
    assert {name: ids for name, ids in names.items() if len(ids) > 1} == {}


@pytest.mark.parametrize("claim", ["p1_c1_a", "e4_q10b_two_2_b", "mine_c1_x2y"])
def test_names_hold_letters_only(claim):
    assert re.fullmatch(r"[a-z][A-Za-z]*", macro_name(claim))


def test_claims_with_one_name_are_refused():
    with pytest.raises(ValueError, match=r"p1_c1_same and p1_c2_same"):
        macros([ClaimEntry(id="p1_c1_same"), ClaimEntry(id="p1_c2_same")], [], "laptop")


@pytest.mark.parametrize(
    ("value", "interval", "written"),
    [
        (0.312345, (0.287611, 0.339082), ("0.312", "0.288", "0.339")),
        (1.0, (0.979764911, 1.0), ("1.000", "0.980", "1.000")),
        (2.27393906, (2.13489439, 2.42559724), ("2.27", "2.13", "2.43")),
        (0.000936329588, (0.000318486508, 0.00274945153), ("0.00094", "0.00032", "0.00275")),
        (12345.6, (12001.0, 12803.0), ("12346", "12001", "12803")),
        (-0.35, (-0.44, -0.28), tuple(rf"\ensuremath{{-{n}}}" for n in ("0.35", "0.44", "0.28"))),
        (1.00113588, None, ("1.001", MISSING, MISSING)),
        (7.0, None, ("7", MISSING, MISSING)),
        (0.0, None, ("0", MISSING, MISSING)),
        (2.95261074e-07, None, (r"\ensuremath{2.95\times 10^{-7}}", MISSING, MISSING)),
        (None, None, (MISSING,) * 3),
        (math.nan, None, (MISSING,) * 3),
        (0.2, (-0.1, math.inf), ("0.20", r"\ensuremath{-0.10}", r"\ensuremath{\infty}")),
    ],
)
def test_numbers_are_rounded_to_what_their_interval_allows(value, interval, written):
    assert numbers(value, interval) == written


def test_a_rounded_zero_has_no_sign():
    assert numbers(-0.0, (-1.0, 1.0))[0] == "0.0"


def test_words_are_safe_in_latex_and_formulas_stay():
    words = r"95 % of a_b & $K_1 < 2$: 3 < 4 #5 {x} ~ ^ \ ≥ 2"
    assert "$K_1 < 2$" in in_text(words)
    assert not set(unescaped(in_text(words))) & set("%&#_{}~^\\<≥")


def test_the_file_can_be_read_and_holds_every_number_of_a_claim():
    entry = ClaimEntry(
        id="p1_c1_discrete_minima",
        statement="Endpoints\nbelong to families.",
        criterion="at least .95",
        version=2,
        decides=True,
        verdict="holds",
        value=0.98,
        interval=(0.97, 0.99),
        value_text="98 %",
        replicates=186,
        seeds="confirmatory",
        keys=("ab" * 20,),
    )
    text = macros([entry], ["Claims of a figure."], "laptop")
    assert definitions(text) == {
        "pOneDiscreteMinimaValue": "0.980",
        "pOneDiscreteMinimaLow": "0.970",
        "pOneDiscreteMinimaHigh": "0.990",
        "pOneDiscreteMinimaVerdict": "holds",
        "pOneDiscreteMinimaText": r"98 \%",
        "pOneDiscreteMinimaReplicates": "186",
    }
    comments = [line for line in text.splitlines() if line.startswith("%")]
    assert comments[0] == "% Claims of a figure."
    assert "% p1_c1_discrete_minima: Endpoints belong to families." in comments
    assert "% criterion (version 2): at least .95" in comments
    assert "% holds at laptop; confirmatory seeds; from results abababababab" in comments


def test_a_claim_without_a_verdict_shows_that_on_the_page():
    entry = ClaimEntry(id="p1_c7_optimisers", deciding_profile="night", notes=("needs night",))
    text = macros([entry], [], "laptop")
    assert definitions(text)["pOneOptimisersVerdict"] == "not evaluated"
    assert definitions(text)["pOneOptimisersValue"] == MISSING
    assert "% not evaluated at laptop, decided at night; needs night" in text


@pytest.mark.parametrize("profile", ["laptop", "night"])
def test_all_tracked_verdicts_become_latex(profile):
    path = ROOT / "figures" / profile / "claims.json"
    entries, problems = parse_claims(json.loads(path.read_text(encoding="utf-8")))
    found = definitions(macros(entries.values(), [], profile))
    assert not problems and len(found) == 6 * len(entries)
    for name, text in found.items():
        assert text.count("{") == text.count("}"), name
        assert not set(unescaped(text)) & set("%&#_{}~^\\<>"), (name, text)
        assert text.isascii(), (name, text)


def test_the_example_in_readme_uses_macros_that_its_figure_gets():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```latex\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    (figure,) = set(re.findall(r"paper/(\w+)", example))
    about = json.loads((ROOT / f"figures/laptop/{figure}.json").read_text(encoding="utf-8"))
    entries, _ = parse_claims(json.loads((ROOT / "figures/laptop/claims.json").read_text(encoding="utf-8")))
    found = definitions(macros([entries[name] for name in about["claims"]], [], "laptop"))
    plain = {"documentclass", "usepackage", "input", "begin", "end", "includegraphics", "caption"}
    used = set(re.findall(r"\\([A-Za-z]+)", example)) - plain
    assert len(used) == 5 and used <= set(found)
    assert MISSING not in {found[name] for name in used}
    text = re.sub(r"(?<!\\)%.*", "", example)
    assert text.count("{") == text.count("}")
    assert re.findall(r"\\begin\{(\w+)\}", text) == re.findall(r"\\end\{(\w+)\}", text)[::-1]
    assert not set(re.sub(r"\\[%,]|\\?[A-Za-z/_.]+\{", "", text)) & set("%&#^~<>")
