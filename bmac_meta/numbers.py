"""How numbers are written on figures: true minus signs, fixed decimals, intervals with "to"."""

from __future__ import annotations

import math

MINUS = "\u2212"
HUGE = 1e9
MOST_DECIMALS = 9
SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def format_number(value: float, decimals: int = 2, power_decimals: int = 1) -> str:
    """Write a number with a true minus sign, never as minus zero; NaN is the empty string.

    A huge number, and one for which more than 9 decimals are asked, is written with a power of ten that has
    `power_decimals` before it.

    >>> format_number(-0.408), format_number(-0.001), format_number(12345.6, 1), format_number(float("inf"))
    ('−0.41', '0.00', '12,345.6', '∞')
    """
    if math.isnan(value):
        return ""
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    if abs(value) >= HUGE or (decimals > MOST_DECIMALS and value):
        return format_power(value, power_decimals)
    decimals = 0 if decimals > MOST_DECIMALS else decimals
    rounded = round(value, decimals) + 0.0
    return f"{rounded:,.{decimals}f}".replace("-", MINUS)


def format_power(value: float, decimals: int = 1) -> str:
    """Write a huge or tiny number with a power of ten.

    >>> format_power(-1.25e12), format_power(1e-6), format_power(-1e9), format_power(1.5e9, 3)
    ('−1.2×10¹²', '10⁻⁶', '−10⁹', '1.500×10⁹')
    """
    mantissa, exponent = f"{value:.{decimals}e}".split("e")
    power = "10" + str(int(exponent)).translate(SUPERSCRIPTS)
    plain = mantissa.removesuffix(".0").replace("-", MINUS)
    return plain.replace("1", power) if plain in ("1", f"{MINUS}1") else f"{plain}×{power}"


def format_ratio(value: float, decimals: int = 2) -> str:
    """Write a ratio; one too small for its decimals is written as less than the smallest that they can show.

    >>> format_ratio(0.5), format_ratio(0.001), format_ratio(2500.4)
    ('0.50', '<0.01', '2,500')
    """
    smallest = 10.0**-decimals
    if 0 < value < smallest / 2:
        return f"<{smallest:.{decimals}f}"
    return format_number(value, decimals if value < 1000 else 0)


def format_percent(share: float, decimals: int = 1) -> str:
    """Write a share between 0 and 1 as a percentage.

    >>> format_percent(0.1234), format_percent(1, 0)
    ('12.3%', '100%')
    """
    number = format_number(100 * share, decimals)
    return f"{number}%" if number else ""


def format_level(level: float) -> str:
    """Write a confidence level as a percentage with all its digits.

    >>> format_level(0.95), format_level(0.975), format_level(0.999)
    ('95%', '97.5%', '99.9%')
    """
    return f"{100 * level:.10g}%"


def format_interval(low: float, high: float, decimals: int = 2, power_decimals: int = 1) -> str:
    """Write an interval with "to" between its limits.

    >>> format_interval(-0.78, 0.04)
    '−0.78 to 0.04'
    """
    return f"{format_number(low, decimals, power_decimals)} to {format_number(high, decimals, power_decimals)}"


def fine_decimals(se: float, usual: int) -> int:
    """Return the usual decimals, or, for a standard error below the last of them, as many as show two digits of it.

    >>> fine_decimals(0.2, 2), fine_decimals(0.0001, 2), fine_decimals(0.0, 2)
    (2, 5, 2)
    """
    return 1 - math.floor(math.log10(se)) if 0 < se < 10.0**-usual else usual


def format_p(p: float) -> str:
    """Write a p value to three decimals without a leading zero.

    >>> format_p(0.025), format_p(0.0004), format_p(0.9999)
    ('p = .025', 'p < .001', 'p > .999')
    """
    if p < 0.001:
        return "p < .001"
    if p > 0.999:
        return "p > .999"
    return f"p = {p:.3f}".replace("0.", ".")


def count_noun(count: int, noun: str, plural: str | None = None) -> str:
    """Write a count with its noun in the right number; the plural takes an s unless it is given.

    >>> count_noun(1, "trial"), count_noun(12, "trial"), count_noun(2, "study", "studies")
    ('1 trial', '12 trials', '2 studies')
    """
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"
