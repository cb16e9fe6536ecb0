"""Money in words: exact, from whole minor units."""

from babel.numbers import get_currency_precision


def amount(minor: int, currency: str) -> str:
    """Such as 50,000.01 CNY."""
    digits = get_currency_precision(currency)
    whole, rest = divmod(abs(minor), 10**digits)
    fraction = f".{rest:0{digits}}" if digits else ""
    return f"{'-' if minor < 0 else ''}{whole:,}{fraction} {currency}"
