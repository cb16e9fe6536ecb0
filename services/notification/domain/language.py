"""The language a member is spoken to in."""

ZH, EN = "zh-CN", "en"


def language_of(locale: str | None) -> str:
    """English for en and its kin, Chinese for everybody else and where nothing is said."""
    return EN if locale is not None and locale.replace("_", "-").lower().split("-")[0] == "en" else ZH
