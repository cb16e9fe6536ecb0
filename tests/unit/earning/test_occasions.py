"""What is earned without a purchase: sign-up, birthday, activities with their evidence."""

from datetime import date
from typing import Any

import pytest

from services.earning.domain.earn_occasion import earn_activity, earn_once, refusal_of_activity
from shared.events.activity_completed import ActivityCompleted
from shared.events.reason_codes import ReasonCode
from shared.programs.community import Activity
from tests.unit.earning.rule_builders import facts_on, judged_by, rule

SURVEY = Activity.model_validate(
    {
        "activity_id": "survey-1",
        "kind": "survey",
        "name": {"zh-CN": "问卷", "en": "Survey"},
        "evidence": "answers",
        "available": {"from": "2026-05-01", "to": "2026-06-01"},
    }
)
TODAY = date(2026, 5, 31)


def done(**fields: Any) -> ActivityCompleted:
    whole = {"program_id": "p", "member_id": "m", "activity_id": "survey-1", "kind": "survey", "answers": {"q": 1}}
    return ActivityCompleted.model_validate({**whole, **fields})


def test_of_the_rules_of_a_kind_the_best_alone_counts() -> None:
    program = judged_by(
        rule("a", "birthday", points=50),
        rule("b", "birthday", points=90, when={"weekdays": [7]}),
        rule("c", "birthday", points=50, priority=1),
        rule("d", "sign_up", points=10),
    )
    saturday = earn_once("birthday", facts_on(), program)
    sunday = earn_once("birthday", facts_on(date(2026, 5, 10)), program)
    assert saturday is not None
    assert saturday.lines[0].rules == (("c", 50),)
    assert sunday is not None
    assert (sunday.points, sunday.points_class, sunday.budget_id) == (90, "PROMO", "marketing")
    joined = earn_once("sign_up", facts_on(), program)
    assert joined is not None
    assert joined.points == 10


def test_a_listed_party_and_a_cap_that_is_used_up_leave_nothing() -> None:
    program = judged_by(rule("a", "sign_up", points=50, caps=[{"points": 50, "per": "campaign"}]))
    assert earn_once("sign_up", facts_on(listed=True), program) is None
    assert earn_once("sign_up", facts_on(left={("a", "campaign"): 0}), program) is None
    assert program.asks_of_occasions.campaigns == ("a",)


def test_all_rules_that_name_an_activity_add_up_by_class_and_budget() -> None:
    activities = (SURVEY, SURVEY.model_copy(update={"activity_id": "survey-2"}))
    program = judged_by(
        rule("a", "activity", points=20, activities=["survey-1", "survey-2"]),
        rule("b", "activity", points=5, activities=["survey-1"], unless={"weekdays": [7]}),
        rule("c", "activity", points=9, activities=["survey-1"], budget_id="green"),
        activities=activities,
    )
    awards = earn_activity("survey-1", facts_on(), program)
    assert [(award.budget_id, award.points, award.points_class) for award in awards] == [
        ("marketing", 25, "GREEN_ACTION"),
        ("green", 9, "GREEN_ACTION"),
    ]
    assert [award.points for award in earn_activity("survey-2", facts_on(), program)] == [20]
    assert earn_activity("survey-3", facts_on(), program) == ()
    assert earn_activity("survey-1", facts_on(listed=True), program) == ()


@pytest.mark.parametrize(
    ("fields", "day", "before", "code"),
    [
        ({}, TODAY, 0, None),
        ({}, TODAY, 1, ReasonCode.CAP_REACHED),
        ({}, date(2026, 6, 1), 0, ReasonCode.NO_QUALIFYING_TRANSACTION),
        ({"answers": None}, TODAY, 0, ReasonCode.EVIDENCE_MISSING),
        ({"answers": {}}, TODAY, 0, ReasonCode.EVIDENCE_MISSING),
        ({"kind": "training"}, TODAY, 0, ReasonCode.EVIDENCE_MISSING),
    ],
)
def test_an_activity_needs_its_evidence_and_counts_as_often_as_it_says(
    fields: dict[str, Any], day: date, before: int, code: ReasonCode | None
) -> None:
    assert refusal_of_activity(done(**fields), SURVEY, day, before) == code


def test_other_evidence_and_activities_nobody_knows() -> None:
    file = SURVEY.model_copy(update={"evidence": "file"})
    assert refusal_of_activity(done(), file, TODAY, 0) == ReasonCode.EVIDENCE_MISSING
    assert refusal_of_activity(done(evidence_sha256="0" * 64), file, TODAY, 0) is None
    score = SURVEY.model_copy(update={"evidence": "score", "min_score": 60})
    answers = [refusal_of_activity(done(score=points), score, TODAY, 0) for points in (None, 59, 60)]
    assert answers == [ReasonCode.EVIDENCE_MISSING, ReasonCode.EVIDENCE_MISSING, None]
    assert refusal_of_activity(done(), None, TODAY, 0) == ReasonCode.EVIDENCE_MISSING
    assert refusal_of_activity(done(), SURVEY.model_copy(update={"enabled": False}), TODAY, 0) is not None
