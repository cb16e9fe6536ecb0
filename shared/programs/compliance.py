"""What the compliance role sets for each program, in a file of its own: a pack cannot (C05, C06, C30, C31)."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated

from pydantic import Field, ValidationError

from shared.events.fields import MinorUnits, ProgramId
from shared.programs.fields import Flag, PackPart, Percent, Sentence, fraction_of
from shared.programs.validation import faults_of
from shared.programs.yaml_file import InvalidPackError, parse_yaml, repeated_keys


class ProgramCompliance(PackPart):
    """`strict` turns missing papers (C06, C31) from a warning into a refusal. Top prize in the program's minor units.

    `telecom_business`: a program's pack must say that it is this one, and so needs a licence for it (C06).
    """

    reward_rate_cap: Percent = "20%"
    top_prize_minor: MinorUnits = 5_000_000
    strict: Flag = False
    telecom_business: Sentence | None = None

    @property
    def cap(self) -> Fraction:
        return fraction_of(self.reward_rate_cap)


class ComplianceSettings(PackPart):
    """`default` holds for every program that has no entry of its own under `programs`."""

    default: ProgramCompliance = ProgramCompliance()
    programs: Annotated[Mapping[ProgramId, ProgramCompliance], Field(max_length=10_000)] = {}

    def of(self, program_id: str) -> ProgramCompliance:
        return self.programs.get(program_id, self.default)


def load_compliance(text: str, file_name: str) -> ComplianceSettings:
    """The settings in `text`; `file_name` is only for messages. Raises InvalidPackError with every fault."""
    root, document = parse_yaml(text, file_name)
    repeated = tuple(repeated_keys(root, (), file_name))
    if repeated:
        raise InvalidPackError(repeated)
    try:
        return ComplianceSettings.model_validate(document)
    except ValidationError as error:
        raise InvalidPackError(faults_of(error, root, file_name)) from None
