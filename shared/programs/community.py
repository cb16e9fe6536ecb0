"""Organisations whose members act for them, and activities that earn with evidence (M39, M40, M46, M48; C09)."""

from typing import Annotated, Literal

from pydantic import Field

from shared.events.fields import Identifier
from shared.programs.days import Period
from shared.programs.fields import Flag, PackPart, PositivePoints, PositiveWhole
from shared.programs.texts import Name


class PointsCap(PackPart):
    """At most `points` points per calendar day, month or year, or ever."""

    points: PositivePoints
    per: Literal["day", "month", "year", "lifetime"]


class Organisation(PackPart):
    """A school or community: it has a budget line and caps of its own, and no wallet; points are the members'."""

    organisation_id: Identifier
    kind: Literal["school", "community"]
    name: Name
    budget_id: Identifier | None = None
    caps: Annotated[tuple[PointsCap, ...], Field(max_length=4)] = ()


class Activity(PackPart):
    """Something that earns without a purchase (C09): what proves it, and how often it may count for one member.

    `evidence: file` asks for its hash, `answers` for answers, `score` for at least `min_score`.
    """

    activity_id: Identifier
    kind: Literal["survey", "training", "volunteering", "check_in"]
    name: Name
    evidence: Literal["file", "answers", "score"]
    min_score: PositiveWhole | None = None
    times: PositiveWhole = 1
    per: Literal["day", "month", "year", "lifetime"] = "lifetime"
    organisation_id: Identifier | None = None
    available: Period | None = None
    enabled: Flag = True
