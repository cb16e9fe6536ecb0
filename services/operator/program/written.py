"""The text of a file that a person wrote."""

from pathlib import Path

from shared.programs.yaml_file import InvalidPackError, PackError


def written_in(path: Path) -> str:
    """Raises InvalidPackError with the line that is no UTF-8, OSError where the file cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        fault = PackError(str(path), line, "", "is not UTF-8 text from here on; save the file as UTF-8")
        raise InvalidPackError((fault,)) from error
