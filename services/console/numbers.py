"""How numbers look: grouped by thousands, tabular, short where a cell has no room. "–" is unknown, 0 is 0."""

UNKNOWN_TEXT = "–"


def count(number: int | None) -> str:
    """12345 → 12,345; both languages group so."""
    return UNKNOWN_TEXT if number is None else f"{number:,}"


def large(number: int | None) -> str:
    """For a tile: from ten millions on in millions, rounded down."""
    if number is None or number < 10_000_000:
        return count(number)
    return f"{number // 100_000 / 10:,.1f} M"


def rate(per_second: float | None) -> str:
    """Records or points per second: 0, 0.4, 12, 1,234."""
    if per_second is None:
        return UNKNOWN_TEXT
    if per_second == 0:
        return "0"
    if per_second < 0.05:
        return "<0.1"
    return f"{per_second:.1f}" if per_second < 9.95 else f"{per_second:,.0f}"


def seconds(value: float | None) -> str:  # noqa: PLR0911 - one line a size
    """A duration: 0 s, 0.4 s, 12 s, 3 min, 2 h 05, 4 d."""
    if value is None:
        return UNKNOWN_TEXT
    if value == 0:
        return "0 s"
    if value < 9.95:
        return f"{max(value, 0.1):.1f} s"
    whole = round(value)
    if whole < 120:
        return f"{whole} s"
    if whole < 7200:
        return f"{whole // 60} min"
    if whole < 172_800:
        return f"{whole // 3600} h {whole % 3600 // 60:02d}"
    return f"{whole // 86_400:,} d"


def milliseconds(value: float | None) -> str:
    """A latency given in seconds: 38 ms, 1.2 s."""
    if value is None:
        return UNKNOWN_TEXT
    return f"{value * 1000:,.0f} ms" if value < 0.9995 else seconds(value)


def money(minor: int, currency: str) -> str:
    """Minor units of CNY and the like: 123456 → 1,234.56."""
    sign, whole = ("-" if minor < 0 else ""), abs(minor)
    return f"{sign}{whole // 100:,}.{whole % 100:02d} {currency}"


def percent(part: float | None) -> str:
    """A share between 0 and 1; a little is never shown as nothing, and nearly all never as all."""
    if part is None:
        return UNKNOWN_TEXT
    if 0 < part < 0.001:
        return "<0.1 %"
    if 0 < part < 0.0995 or 0.9 < part < 1:
        return f"{min(part * 100, 99.9):.1f} %"
    return f"{part * 100:.0f} %"


def trend_points(values: tuple[int, ...], width: int, height: int) -> str:
    """The `points` of an SVG polyline: the newest at the right, 0 at the bottom, the largest at the top."""
    if len(values) < 2:
        return ""
    top, step = max(*values, 1), width / (len(values) - 1)
    return " ".join(f"{place * step:.1f},{height - value / top * height:.1f}" for place, value in enumerate(values))
