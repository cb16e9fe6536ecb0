"""Reason codes, topics and keys are complete and agree with each other."""

from shared.events.catalogue import EVENT_TYPES
from shared.events.keys import member_key, receipt_key, version_key
from shared.events.reason_codes import ReasonCode, describe
from shared.events.reason_texts import TEXTS
from shared.events.topics import built_services, load_dead_letter_topics, load_topics


def test_every_reason_code_speaks_both_languages() -> None:
    assert {code.value for code in ReasonCode} == set(TEXTS)
    for code in ReasonCode:
        reason = describe(code)
        assert reason.code is code
        assert reason.en.endswith(".")
        assert reason.zh.endswith("。")
        assert reason.appeal.endswith(".")
        assert reason.appeal_zh.endswith("。")
    assert len({describe(code).en for code in ReasonCode}) == len(ReasonCode)
    assert len({describe(code).zh for code in ReasonCode}) == len(ReasonCode)


def test_every_control_refuses_with_something() -> None:
    controls = {describe(code).control for code in ReasonCode} - {None}
    assert controls == {f"C{number:02}" for number in range(1, 33)}
    assert describe(ReasonCode.BUDGET_EXHAUSTED).control == "C04"
    assert describe(ReasonCode.MALFORMED).control is None


def test_every_type_belongs_to_one_topic() -> None:
    owned = [type_ for topic in load_topics().values() for type_ in topic.types]
    assert sorted(owned) == sorted(EVENT_TYPES)
    for topic in load_topics().values():
        assert {EVENT_TYPES[type_].TOPIC for type_ in topic.types} == {topic.name}


def test_member_keyed_topics_have_one_partition_count() -> None:
    counts = {topic.partitions for topic in load_topics().values() if topic.key != "program/version"}
    assert counts == {8}
    assert load_topics()["programs.versions.v1"].partitions == 1
    for name, topic in load_dead_letter_topics().items():
        assert topic.partitions == load_topics()[name.rsplit(".", 2)[0]].partitions


def test_every_topic_takes_the_brokers_time() -> None:
    for topic in (*load_topics().values(), *load_dead_letter_topics().values()):
        assert topic.config["message.timestamp.type"] == "LogAppendTime"
        room = 64 * 1024 if topic.is_dead_letters else 0  # for the failure headers
        assert topic.config["max.message.bytes"] == str(2 * 1024 * 1024 + room)
        assert topic.config["retention.ms"] == str(topic.retention_ms)


def test_books_are_kept_for_ever() -> None:
    short = {name for name, topic in load_topics().items() if topic.retention_ms != -1}
    assert short == {"fraud.signals.v1", "notifications.deliveries.v1"}
    contacts = load_topics()["members.contacts.v1"]
    assert contacts.config["cleanup.policy"] == "compact"
    assert contacts.config["max.compaction.lag.ms"] == "86400000"
    assert contacts.consumers == ("notification",)


def test_dead_letter_topics_are_those_of_built_consumers() -> None:
    names = set(load_dead_letter_topics())
    assert "pos.purchases.v1.earning.dlq" in names
    assert "points.grants.v1.redemption.dlq" in names
    assert {name.rsplit(".", 2)[1] for name in names} <= set(built_services())
    assert not any(name.startswith("members.contacts") for name in names)
    assert all(topic.is_dead_letters for topic in load_dead_letter_topics().values())
    assert {topic.retention_ms for topic in load_dead_letter_topics().values()} == {365 * 86_400_000}


def test_earning_accepts_forwarded_events_on_its_own_topic_alone() -> None:
    effects = load_topics()["earning.effects.v1"]
    assert "greenpoints.purchase.completed.v1" in effects.accepted_types
    assert "greenpoints.member.registered.v1" in effects.accepted_types
    assert "greenpoints.points.granted.v1" not in effects.accepted_types
    others = [topic for topic in load_topics().values() if topic is not effects]
    assert all(topic.accepted_types == set(topic.types) for topic in others)


def test_keys() -> None:
    assert member_key("greenmart", "m/1") == "greenmart/m/1"
    assert receipt_key("greenmart", "R-1") == "greenmart/R-1"
    assert version_key("greenmart", 3) == "greenmart/3"
