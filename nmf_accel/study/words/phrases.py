"""How numbers, names and lists are written."""

from __future__ import annotations

from typing import Any

Numbers = dict[str, Any]


def number(x: float) -> str:
    """Four digits, and powers of ten as the page writes them."""
    text = f"{x:.4g}"
    if "e" not in text:
        return f"{x:#.4g}".rstrip(".") if x else "0"
    mantissa, exponent = text.split("e")
    power = f"10{str(int(exponent)).translate(SUPERSCRIPT)}"
    return power if mantissa == "1" else f"{mantissa}\N{NO-BREAK SPACE}·\N{NO-BREAK SPACE}{power}"


SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
SUBSCRIPT = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def indexed(name: str) -> str:
    """``A1`` as the page writes it: A₁."""
    return name.translate(SUBSCRIPT)


def percent(share: float) -> str:
    """A share in per cent, two digits or more."""
    return f"{100 * share:.3g} %" if share < 1 else f"{100 * share:.0f} %"


def listed(items: list[Any]) -> str:
    """``a, b and c``."""
    texts = [str(item) for item in items]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"
