"""One value against one type: strictly, and with the likeliest remedy when it does not fit."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from companion.settings.problems import did_you_mean, shown_value
from companion.settings.types import PARAMETER_TYPES, choices

_NUMBER_WITH_EXPONENT = re.compile(r"([-+]?\d[\d_]*)(\.\d*)?[eE]([-+]?)(\d+)")

_MESSAGES = {
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
    "string_pattern_mismatch": "not a name that can be used here",
    "literal_error": "not one of the choices",
    "value_error": "not allowed",
}

# What other programs call one of our choices, where the spelling would not lead there.
_OTHER_WORDS = {"gpu": "cuda"}

_FLAG_REMEDIES = {
    **dict.fromkeys(("1", "yes", "on", "true"), "write true"),
    **dict.fromkeys(("0", "no", "off", "false"), "write false"),
}

_LONGEST_QUOTED = 60


@dataclass(frozen=True)
class Misfit:
    """Why a value does not fit its type, and what its author likely wanted."""

    message: str
    hint: str | None


@cache
def _adapter(type_name: str) -> TypeAdapter[Any]:
    return TypeAdapter(PARAMETER_TYPES[type_name], config=ConfigDict(strict=True))


def fit(type_name: str, value: object) -> tuple[object, Misfit | None]:
    """The value as its type has it (1 for a Positive is 1.0), or why it does not fit.

    >>> fit("Positive", 1)
    (1.0, None)
    >>> fit("Positive", "1e-3")[1]
    Misfit(message='wrong type', hint='write 1.0e-3, since not every YAML reader takes 1e-3 for a number')
    """
    try:
        return _adapter(type_name).validate_python(value), None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
    place = [index for index in first["loc"] if isinstance(index, int)]
    message = _message(first["type"])
    hint = _remedy(type_name, first["type"], first["input"])
    if place:
        message = f"element {place[0] + 1} of the list: {message}"
    return value, Misfit(message, hint)


def _message(kind: str) -> str:
    if kind in _MESSAGES:
        return _MESSAGES[kind]
    return "wrong type" if kind.endswith("_type") else "out of range"


def _remedy(type_name: str, kind: str, value: object) -> str | None:
    """Hint for the slips that are made most often."""
    if (isinstance(value, int) and value.bit_length() > 64) or len(shown_value(value)) > _LONGEST_QUOTED:
        return None
    if kind == "literal_error" and isinstance(value, str):
        words = choices(PARAMETER_TYPES[type_name])
        return did_you_mean(_OTHER_WORDS.get(value.lower(), value), words)
    if kind in ("float_type", "int_type") and isinstance(value, str):
        return _number_remedy(value, whole=kind == "int_type")
    if kind == "int_type" and isinstance(value, float) and value.is_integer():
        return f"write {int(value)}"
    if kind == "bool_type" and isinstance(value, int | float | str):
        return _FLAG_REMEDIES.get(str(value).lower())
    if kind == "list_type" and isinstance(value, tuple):
        return f"write {list(value)}"
    if kind == "list_type" and isinstance(value, str) and "," in value:
        return f"write [{', '.join(part.strip() for part in value.split(','))}]"
    if kind == "list_type" and isinstance(value, int | float | str) and value != "":
        return f"write [{value}]"
    if kind == "string_type" and isinstance(value, int | float):
        return f'write "{value}", in quotes'
    return None


def _number_remedy(text: str, *, whole: bool) -> str | None:
    """Hint for text that looks like a number: quotes left out, or the exponent in YAML's full form."""
    try:
        number = float(text)
    except ValueError:
        return None
    if whole:
        return f"write {int(number)}" if number.is_integer() else None
    exponent = _NUMBER_WITH_EXPONENT.fullmatch(text.strip())
    if exponent is None:
        return f"write {text.strip()}, without quotes"
    digits, decimals, sign, power = exponent.groups()
    decimals = decimals if decimals and len(decimals) > 1 else ".0"
    full = f"{digits}{decimals}e{sign or '+'}{power}"
    return f"write {full}, since not every YAML reader takes {text.strip()} for a number"
