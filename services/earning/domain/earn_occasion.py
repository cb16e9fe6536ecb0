"""What a member earns without a purchase: for joining, on a birthday, for an activity (points.md, Earning; C09)."""

from datetime import date
from typing import Literal

from services.earning.domain.award import Award, AwardLine
from services.earning.domain.caps import capped
from services.earning.domain.compiled_occasion import CompiledOccasion
from services.earning.domain.facts import EarnFacts
from services.earning.domain.program import CompiledProgram
from shared.events.activity_completed import ActivityCompleted
from shared.events.fields import PointsClass
from shared.events.reason_codes import ReasonCode
from shared.programs.community import Activity


def earn_once(kind: Literal["sign_up", "birthday"], facts: EarnFacts, program: CompiledProgram) -> Award | None:
    """The rules of a kind are one exclusive group: the best counts (points after caps, then priority, then id)."""
    best: tuple[CompiledOccasion, int] | None = None
    for rule in program.occasions:
        if rule.rule.kind == kind and not facts.listed and rule.admits(facts):
            points = capped(rule.rule_id, rule.caps, rule.rule.points, facts)
            if points > (0 if best is None else best[1]):
                best = (rule, points)
    return None if best is None else _award(kind, *best)


def earn_activity(activity_id: str, facts: EarnFacts, program: CompiledProgram) -> tuple[Award, ...]:
    """Every rule that names the activity gives its points: one award per class and budget, in order of evaluation."""
    given: dict[tuple[PointsClass, str], list[tuple[str, int]]] = {}
    for rule in program.occasions:
        if activity_id in rule.activities and not facts.listed and rule.admits(facts):
            points = capped(rule.rule_id, rule.caps, rule.rule.points, facts)
            if points:
                given.setdefault((rule.rule.points_class, rule.rule.budget_id), []).append((rule.rule_id, points))
    return tuple(_awards("activity", key, tuple(rules)) for key, rules in given.items())


def refusal_of_activity(
    done: ActivityCompleted, activity: Activity | None, done_on: date, times_before: int
) -> ReasonCode | None:
    """Why nothing is given for it: no evidence (C09), or it counted as often as it may in its period.

    `activity` is the pack's, None if it has none of that name: then nothing proves anything. `times_before`: how often
    it has counted for this member in the period (`activity.per`) that `done_on` lies in.
    """
    if activity is None or not activity.enabled or activity.kind != done.kind:
        return ReasonCode.EVIDENCE_MISSING
    if activity.available is not None and not activity.available.from_ <= done_on < activity.available.to:
        return ReasonCode.NO_QUALIFYING_TRANSACTION
    if not _is_proved(done, activity):
        return ReasonCode.EVIDENCE_MISSING
    return ReasonCode.CAP_REACHED if times_before >= activity.times else None


def _is_proved(done: ActivityCompleted, activity: Activity) -> bool:
    if activity.evidence == "file":
        return done.evidence_sha256 is not None
    if activity.evidence == "answers":
        return bool(done.answers)
    return done.score is not None and done.score >= (activity.min_score or 0)


def _award(line_id: str, rule: CompiledOccasion, points: int) -> Award:
    return _awards(line_id, (rule.rule.points_class, rule.rule.budget_id), ((rule.rule_id, points),))


def _awards(line_id: str, key: tuple[PointsClass, str], rules: tuple[tuple[str, int], ...]) -> Award:
    total = sum(points for _, points in rules)
    return Award(*key, total, (AwardLine(line_id, total, rules),))
