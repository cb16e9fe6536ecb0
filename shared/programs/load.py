"""Read a program pack from YAML. Everything wrong is reported at once, with file, line and field."""

from collections.abc import Iterator
from dataclasses import dataclass

import yaml
from pydantic import ValidationError

from shared.programs.controls.written import written_findings
from shared.programs.pack import ProgramPack
from shared.programs.unbuilt import unbuilt_parts
from shared.programs.validation import faults_of
from shared.programs.yaml_file import InvalidPackError, Location, PackError, locate, parse_yaml, path_of, repeated_keys

__all__ = ["Draft", "InvalidPackError", "PackError", "load_draft", "load_pack"]


@dataclass(frozen=True, slots=True)
class Draft:
    """A pack that reads, with the file it was read from; parts that are not built yet are allowed in it."""

    pack: ProgramPack
    file: str
    root: yaml.Node

    def place(self, location: Location) -> tuple[int, str]:
        """Line (from 1) and path of the deepest part of `location` that the file has."""
        line, found = locate(self.root, location)
        return line, path_of(found)


def load_pack(text: str, file_name: str) -> ProgramPack:
    """The pack in `text`, as a service can act on it; `file_name` is only for messages. Raises InvalidPackError."""
    draft = load_draft(text, file_name)
    unbuilt = tuple(
        PackError(file_name, *draft.place(part.location), part.text("en"), part.code)
        for part in unbuilt_parts(draft.pack)
    )
    if unbuilt:
        raise InvalidPackError(tuple(sorted(unbuilt, key=lambda fault: fault.line)))
    return draft.pack


def load_draft(text: str, file_name: str) -> Draft:
    """The pack in `text`, which may hold parts that no service acts on yet. Raises InvalidPackError."""
    root, document = parse_yaml(text, file_name)
    repeated = tuple(repeated_keys(root, (), file_name))
    if repeated:
        raise InvalidPackError(repeated)
    prohibited = tuple(_prohibited(document, root, file_name))
    try:
        pack = ProgramPack.model_validate(document)
    except ValidationError as error:
        # What a red line forbids is no misspelling: one fault a place is enough.
        faults = (fault for fault in faults_of(error, root, file_name) if not _is_told(fault, prohibited))
        found = (*prohibited, *faults)
        raise InvalidPackError(tuple(sorted(found, key=lambda fault: fault.line))) from None
    if prohibited:
        raise InvalidPackError(prohibited)
    return Draft(pack, file_name, root)


def _is_told(fault: PackError, prohibited: tuple[PackError, ...]) -> bool:
    """Whether a red line was named at the fault's place or below it."""
    return fault.field != "" and any(one.field.startswith(fault.field) for one in prohibited)


def _prohibited(document: object, root: yaml.Node, file_name: str) -> Iterator[PackError]:
    for finding in written_findings(document):
        line, found = locate(root, finding.location)
        yield PackError(file_name, line, path_of(found), finding.text("en"), finding.code)
