"""A dead letter as an operator sees it, and as a viewer does."""

import base64
import json
from typing import Any
from uuid import uuid4

import pytest

from services.console.domain.rights import Role
from services.console.pages.dead_letters_shown import reason_of, shown_letter, shown_summary
from services.console.visitor import Look, Visitor

MEMBER = "member-0042"


def visitor(role: Role) -> Visitor:
    return Visitor(b"", uuid4(), "a-name", role, "", "", Look("en", "light"))


def letter(value: bytes | None, **known: Any) -> dict[str, Any]:
    return {
        "message": f"Member {MEMBER} is unknown.",
        "error": "Member N is unknown.",
        "key_base64": base64.b64encode(f"fruit-shop/{MEMBER}".encode()).decode(),
        "value_base64": None if value is None else base64.b64encode(value).decode(),
        "headers": [["ce_subject", MEMBER], ["ce_id", f"reg-{MEMBER}"], ["content-type", "a/json"], ["x", None]],
        "fields": json.dumps([{"path": "member_id", "message": f"{MEMBER}?"}]),
        "settled_reason": None,
        **known,
    }  # fmt: skip


@pytest.mark.parametrize(
    "value",
    [
        json.dumps({"subject": MEMBER, "data": {"member_id": MEMBER}}).encode(),
        f"no JSON of {MEMBER}".encode(),
        f'"{MEMBER}"'.encode(),
        b"\xff" + MEMBER.encode(),
        None,
    ],
)
def test_a_viewer_finds_no_id_anywhere(value: bytes | None) -> None:
    seen = shown_letter(letter(value), visitor(Role.VIEWER))
    shown = {name: seen[name] for name in ("said", "key", "value", "headers", "fields")}
    assert MEMBER not in json.dumps(shown, ensure_ascii=False)
    assert seen["key"] == "fruit-shop/m…42"
    assert seen["hidden"] == (value is not None and not value.startswith(b"{")), "what cannot be masked is kept back"


def test_an_operator_sees_the_record_as_it_came() -> None:
    operator = visitor(Role.OPERATOR)
    assert shown_letter(letter(b"\xff{"), operator)["value"] == "\\xff{", "bytes that are no text stay visible"
    assert shown_letter(letter(b'{"a": "\xe8\x8b\xb9"}'), operator)["value"] == '{\n  "a": "苹"\n}'
    seen = shown_letter(letter(None), operator)
    assert (seen["value"], seen["hidden"], seen["key"]) == (None, False, f"fruit-shop/{MEMBER}")
    assert ("ce_subject", MEMBER) in seen["headers"] and ("x", None) in seen["headers"]
    assert shown_summary(letter(None), operator)["said"] == f"Member {MEMBER} is unknown."


def test_a_huge_record_is_cut_and_says_so() -> None:
    seen = shown_letter(letter(b"x" * 30_000), visitor(Role.ADMIN))
    assert seen["is_cut"] and len(seen["value"]) == 20_000


def test_a_code_has_its_sentence_in_both_languages() -> None:
    assert reason_of("MALFORMED", "en") != reason_of("MALFORMED", "zh-CN")
    assert reason_of("OF_A_NEWER_SERVICE", "en") is None
