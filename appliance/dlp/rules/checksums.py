"""Check digits: those that python-stdnum does not have, or that are asked for most."""

from typing import Final

_TWICE: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
_ABA: Final = (3, 7, 1) * 3
_VIN_WEIGHTS: Final = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_VIN_VALUES: Final = {str(digit): digit for digit in range(10)} | dict(
    zip("ABCDEFGHJKLMNPRSTUVWXYZ", (1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 7, 9, 2, 3, 4, 5, 6, 7, 8, 9), strict=True)
)


def luhn(digits: str) -> bool:
    """Say whether the last digit checks the others (ISO/IEC 7812-1, annex B)."""
    total = sum(map(int, digits[-1::-2])) + sum(_TWICE[int(digit)] for digit in digits[-2::-2])
    return total % 10 == 0


def aba(digits: str) -> bool:
    """Say whether nine digits are a routing number of a bank in the USA (ABA)."""
    return digits != "0" * 9 and sum(int(digit) * weight for digit, weight in zip(digits, _ABA, strict=True)) % 10 == 0


def vin(value: str) -> bool:
    """Say whether 17 signs are a vehicle's number by its check digit (49 CFR 565.15)."""
    total = sum(_VIN_VALUES[sign] * weight for sign, weight in zip(value, _VIN_WEIGHTS, strict=True)) % 11
    return value[8] == ("X" if total == 10 else str(total))  # noqa: PLR2004 - 10 is written X
