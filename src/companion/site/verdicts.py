"""Claims and their verdicts, ready to be shown: which verdict counts, and what needs a loud mark."""

from collections.abc import Mapping
from dataclasses import dataclass

from companion.claims.display import SYMBOLS
from companion.site.inventory import natural_order, profile_order
from companion.site.papers import paper_of, paper_order
from companion.site.records import ClaimEntry

Claims = Mapping[str, Mapping[str, ClaimEntry]]
"""Claim entries by profile and claim id."""


@dataclass(frozen=True)
class ClaimRow:
    """One claim: ``entry`` is the verdict that counts, made at ``profile``; ``others`` are the rest."""

    entry: ClaimEntry
    profile: str
    others: tuple[tuple[str, str], ...] = ()
    changed: str = ""

    @property
    def id(self) -> str:
        return self.entry.id

    @property
    def standing(self) -> str:
        """Whether this verdict decides the claim, in words."""
        entry = self.entry
        if entry.decides or not entry.deciding_profile:
            return f"decided at {self.profile}"
        return f"seen at {self.profile}, decided at {entry.deciding_profile}"


def short_name(identifier: str) -> str:
    """The name of a claim within its paper.

    >>> short_name("p1_c2_stability_windows")
    'c2'
    """
    pieces = identifier.split("_")
    return pieces[1] if len(pieces) > 1 else identifier


def measured(entry: ClaimEntry) -> str:
    """The value in words, or the number with its interval; empty where there is none.

    >>> measured(ClaimEntry(id="a", value=0.25, interval=(0.1, 0.5)))
    '0.25 [0.1, 0.5]'
    """
    if entry.value_text:
        return entry.value_text
    if entry.value is None:
        return ""
    interval = f" [{entry.interval[0]:.4g}, {entry.interval[1]:.4g}]" if entry.interval else ""
    return f"{entry.value:.4g}{interval}"


def claim_rows(claims: Claims, tracked: Claims) -> list[ClaimRow]:
    """One row per claim, by paper: the verdict that decides it, else that of the first profile with any.

    ``tracked`` holds the entries under version control; a criterion that differs from them is marked.
    Without them the marks count that the run left in the entries.
    """
    profiles: dict[str, list[str]] = {}
    for profile in sorted(claims, key=profile_order):
        for identifier in claims[profile]:
            profiles.setdefault(identifier, []).append(profile)
    order = sorted(profiles, key=lambda one: (paper_order(paper_of(one)), natural_order(one)))
    return [_row(identifier, profiles[identifier], claims, tracked) for identifier in order]


def claims_of_figure(
    figure: str, listed: tuple[str, ...], entries: Mapping[str, ClaimEntry]
) -> list[ClaimEntry]:
    """The claims that a figure supports: those it lists and those that name it.

    A claim without a result at the figure's profile comes back as not evaluated.
    """
    names = dict.fromkeys(listed)
    names.update(dict.fromkeys(one.id for one in entries.values() if one.figure == figure))
    return [entries.get(name) or ClaimEntry(id=name) for name in sorted(names, key=natural_order)]


def counted(verdicts: list[str]) -> dict[str, int]:
    """How often each of the four verdicts occurs."""
    return {verdict: verdicts.count(verdict) for verdict in SYMBOLS}


def _row(identifier: str, profiles: list[str], claims: Claims, tracked: Claims) -> ClaimRow:
    found = {profile: claims[profile][identifier] for profile in profiles}
    exact = (name for name in profiles if found[name].deciding_profile == name)
    larger = (name for name in profiles if found[name].decides)
    profile = next(exact, None) or next(larger, profiles[0])
    others = tuple((name, entry.verdict) for name, entry in found.items() if name != profile)
    return ClaimRow(found[profile], profile, others, _change(found[profile], tracked.get(profile)))


def _change(now: ClaimEntry, tracked: Mapping[str, ClaimEntry] | None) -> str:
    if tracked is None:
        changed, version = now.criterion_changed, now.criterion_was.version
    else:
        before = tracked.get(now.id, now)
        changed, version = before.digest != now.digest, before.version
    if not changed:
        return ""
    if version == now.version:
        return f"criterion changed, still version {now.version}"
    return f"criterion changed: version {version} → {now.version}"
