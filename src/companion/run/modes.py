"""Options that ask for something else than a run, and which options go together."""

from collections.abc import Collection
from typing import Final

from companion.settings.problems import Problem, SettingsError, listed

#: What each does instead of a run; one is done at a time.
INSTEAD: Final = ("--bundle", "--book", "--calibrate", "--compare", "--estimate", "--export", "--list")

#: These are about runs, or about what they make.
_OF_RUNS: Final = ("--check", "--detach")

#: These tell of what is there already, which no parameter set now can change.
_OF_WHAT_IS_THERE: Final = ("--bundle", "--book", "--calibrate", "--compare", "--list")

_BESIDE: Final = {
    "--json": "--compare A B",
    "--width": "--export FIGURE DIR",
    "--with-results": "--bundle FILE",
}


def refuse_contradictions(given: Collection[str]) -> None:
    """Raises SettingsError with every reason for which the options ``given`` cannot be meant together."""
    asked = [option for option in INSTEAD if option in given]
    problems = [
        Problem(option, None, None, f"goes with {other}, which is not given")
        for option, other in _BESIDE.items()
        if option in given and other.split()[0] not in given
    ]
    if len(asked) > 1:
        problems.append(
            Problem(asked[0], None, None, f"not together with {listed(asked[1:])}: one at a time")
        )
    for option in asked[:1]:
        both = [other for other in _OF_RUNS if other in given]
        if both:
            message = f"makes no run: {listed(both)} cannot be meant"
            problems.append(Problem(option, None, None, message))
        if "--set" in given and option in _OF_WHAT_IS_THERE:
            message = "tells of what is there already, which --set does not change"
            problems.append(Problem(option, None, None, message))
    if problems:
        raise SettingsError(problems)
