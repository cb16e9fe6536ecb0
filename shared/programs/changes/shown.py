"""A value of a pack as a change shows it: short, and without words of a language."""

from shared.programs.fields import PackPart
from shared.programs.texts import Name


def shown(value: object) -> str:
    """ "" for nothing."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Name):
        return f"{value.zh_cn} / {value.en}"
    if isinstance(value, PackPart):
        written = value.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        if (kind := getattr(value, "kind", None)) is not None:
            written = {"kind": kind, **written}
        return ", ".join(f"{key}: {_plain(of_key)}" for key, of_key in written.items())
    if isinstance(value, tuple):
        return "[" + ", ".join(shown(item) for item in value) + "]"
    return str(value)


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_plain(below)}" for key, below in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_plain, value)) + "]"
    return shown(value)
