"""How numbers are written on figures: true minus signs, fixed decimals, intervals with "to"."""

from __future__ import annotations

import math

MINUS = "\u2212"
SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def format_number(value: float, decimals: int = 2) -> str:
    """Write a number with a true minus sign, never as minus zero; NaN is the empty string.

    >>> format_number(-0.408), format_number(-0.001), format_number(12345.6, 1), format_number(float("inf"))
    ('−0.41', '0.00', '12,345.6', '∞')
    """
    if math.isnan(value):
        return ""
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    if abs(value) >= 1e9:
        return format_power(value)
    rounded = round(value, decimals) + 0.0
    return f"{rounded:,.{decimals}f}".replace("-", MINUS)


def format_power(value: float) -> str:
    """Write a huge or tiny number with a power of ten.

    >>> format_power(-1.25e12), format_power(1e-6)
    ('−1.2×10¹²', '10⁻⁶')
    """
    mantissa, exponent = f"{value:.1e}".split("e")
    power = "10" + str(int(exponent)).translate(SUPERSCRIPTS)
    plain = mantissa.removesuffix(".0")
    return power if plain == "1" else f"{plain.replace('-', MINUS)}×{power}"


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


def format_interval(low: float, high: float, decimals: int = 2) -> str:
    """Write an interval with "to" between its limits.

    >>> format_interval(-0.78, 0.04)
    '−0.78 to 0.04'
    """
    return f"{format_number(low, decimals)} to {format_number(high, decimals)}"


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
