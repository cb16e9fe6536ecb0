"""Lucky draws as rewards (C30)."""

from typing import Annotated

from pydantic import Field

from shared.programs.fields import CalendarDate, PackPart, PositiveMinorUnits, PositiveWhole, Sentence
from shared.programs.texts import Name


class Prize(PackPart):
    """`quantity` prizes of `value_minor` minor units each."""

    name: Name
    quantity: PositiveWhole
    value_minor: PositiveMinorUnits


class DrawTerms(PackPart):
    """What has to be published before anybody takes part: C30 asks for every line of it."""

    conditions: Name | None = None
    method: Name | None = None
    drawn_on: CalendarDate | None = None
    results_published: Sentence | None = None
    claim_until: CalendarDate | None = None


class Draw(PackPart):
    """At most `entries` entries are given out for these prizes."""

    entries: PositiveWhole
    prizes: Annotated[tuple[Prize, ...], Field(min_length=1, max_length=100)]
    terms: DrawTerms = DrawTerms()
