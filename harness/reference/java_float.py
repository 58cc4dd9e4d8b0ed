"""Java's float: the nearest number of 32 bits, and how it is written."""

from __future__ import annotations

import struct
from decimal import Decimal

# So many digits tell each float from its neighbours.
_MOST_DIGITS = 9


def float32(number: float) -> float:
    return float(struct.unpack("f", struct.pack("f", number))[0])


def written(number: float) -> str:
    """As Float.toString writes numbers that need no exponent: with no more digits than tell it from its neighbours."""
    nearest = float32(number)
    shorter = (f"{nearest:.{digits}g}" for digits in range(1, _MOST_DIGITS))
    digits = next((text for text in shorter if float32(float(text)) == nearest), f"{nearest:.{_MOST_DIGITS}g}")
    text = f"{Decimal(digits):f}"
    return text if "." in text else f"{text}.0"
