"""What pydantic found wrong in a file, as faults with file, line, field and one clear sentence."""

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from shared.programs.fields import MisplacedError
from shared.programs.yaml_file import PackError, locate, path_of

_SENTENCES = {
    "missing": "is missing; add it",
    "extra_forbidden": "is not known here, or not built yet; take it out or correct its spelling",
    "int_type": "must be a whole number, not {value!r}",
    "bool_type": "must be true or false, not {value!r}",
}
_FORMS = {
    "program_id": "printable characters without '/', which ends the program in Kafka keys",
    "currency": "three capital letters such as CNY",
}


def faults_of(error: ValidationError, root: yaml.Node, file_name: str) -> tuple[PackError, ...]:
    """Each fault once, by line."""
    faults = {_fault(detail, root, file_name): None for detail in error.errors(include_url=False)}
    return tuple(sorted(faults, key=lambda fault: fault.line))


def _fault(detail: ErrorDetails, root: yaml.Node, file_name: str) -> PackError:
    cause = detail.get("ctx", {}).get("error")
    inner = cause.location if isinstance(cause, MisplacedError) else ()
    line, found = locate(root, (*detail["loc"], *inner))
    # A part the file does not have is the missing field; anything else is pydantic's own label.
    field = detail["loc"] if detail["type"] == "missing" else found
    return PackError(file_name, line, path_of(field), _sentence(detail))


def _sentence(detail: ErrorDetails) -> str:
    kind, value = detail["type"], detail["input"]
    fixed = _SENTENCES.get(kind)
    if fixed is not None:
        return fixed.format(value=value)
    if kind == "value_error":
        return str(detail["ctx"]["error"])
    message = detail["msg"].replace("Input should", "must")
    if kind.startswith("string_"):
        form = _FORMS.get(str(detail["loc"][-1]))
        message = f"must be {form}" if form is not None else message
    shown = f"; found {value!r}" if isinstance(value, str | int | float | None) else ""
    return message[0].lower() + message[1:] + shown
