"""Papers a program stands on: licence (C06), green certificates (C12), filing, assessment and credit (C31)."""

from typing import Annotated, Literal

from pydantic import Field

from shared.programs.fields import CalendarDate, PackPart, Sentence
from shared.programs.lines import Lines


class TelecomLicence(PackPart):
    """The telecom business licence: good through `valid_to`, its last day in the program's time zone (C06)."""

    number: Sentence
    scope: Annotated[tuple[Sentence, ...], Field(min_length=1, max_length=50)]
    valid_to: CalendarDate


class GreenCertificate(PackPart):
    """What makes lines green (C12): `scope` names the lines it covers; good through its last day `valid_to`."""

    certificate_number: Sentence
    scope: Lines
    valid_to: CalendarDate


class Filing(PackPart):
    """A paper that is on file with an authority (C31); without `valid_to` it does not run out."""

    kind: Literal["filing", "assessment", "credit_certificate"]
    number: Sentence
    authority: Sentence
    issued_on: CalendarDate
    valid_to: CalendarDate | None = None
