"""What trace says of an answer, and how anything looks on a terminal."""

from services.operator.printed import Node, plain, ratio, tree_lines
from services.operator.story import Story, story_tree


def test_an_exact_value_is_never_rounded() -> None:
    assert ratio(12_800, 100) == "128"
    assert ratio(999, 100) == "999/100 (between 9 and 10)"
    assert ratio(2**53 * 7 + 1, 7) == f"{2**53 * 7 + 1}/7 (between {2**53} and {2**53 + 1})"


def test_control_characters_do_not_reach_the_terminal() -> None:
    assert plain("a\x1b[2J\n\u202eb 鲜果") == "a\\x1b[2J\\x0a\\x202eb 鲜果"


def test_a_tree_shows_what_belongs_to_what() -> None:
    root = Node("root")
    root.add("one").add("below one")
    root.add("two").add("below two")
    assert list(tree_lines([root, Node("next")])) == [
        "root",
        "├─ one",
        "│  └─ below one",
        "└─ two",
        "   └─ below two",
        "next",
    ]


def test_a_row_told_twice_counts_once_and_an_empty_story_is_empty() -> None:
    story = Story()
    assert story.is_empty()
    share = {"redemption_id": "r", "lot_id": "l", "points": 1}
    story.add("allocations", [share])
    story.add("allocations", [share, {**share, "lot_id": "m"}])
    assert [row["lot_id"] for row in story.allocations] == ["l", "m"]
    assert not story.is_empty()


def test_a_lot_whose_grant_earning_does_not_tell_stands_for_itself() -> None:
    parts = dict.fromkeys(("reserved", "redeemed", "clawed_back", "set_off", "expired", "forfeited"), 0)
    lot = {
        "lot_id": "l1",
        "points": 5,
        "class": "PROMO",
        "state": "pending",
        "remaining": 5,
        "granted_at": "2026-11-13T04:00:00+00:00",
        "available_at": None,
        "expires_at": None,
        **parts,
    }
    story = Story(lots=[lot])
    assert [node.text for node in story_tree(story)] == [
        "lot l1: 5 points PROMO, pending; now 5 remaining; available -, expires -"
    ]


def test_a_story_ends_with_its_cases_and_messages() -> None:
    at = "2026-11-22T10:00:00+00:00"
    story = Story(
        cases=[
            {
                "case_id": "c1", "rule": "DEVICE_SHARED", "state": "released", "decided_by": "li", "note": "a family",
                "value": 5, "threshold": 5, "opened_at": at, "deadline": at,
            }
        ],
        signals=[{"signal_id": "s1", "case_id": "c1", "subject_key": "tablet", "value": 5}],
        holds=[
            {"hold_id": "h1", "case_id": "c1", "member_id": "ann", "state": "released", "held_points": 20},
            {"hold_id": "h2", "case_id": "other", "member_id": "bob", "state": "placed", "held_points": None},
        ],
        messages=[
            {
                "message_id": "m1", "member_id": "ann", "channel": "email", "template": "released",
                "state": "suppressed", "code": "CONTACT_MISSING", "error": None, "created_at": at,
            }
        ],
    )  # fmt: skip
    text = "\n".join(tree_lines(story_tree(story)))
    assert "case c1 of rule DEVICE_SHARED, released by li: 'a family'; 5 where 5 is the limit" in text
    assert "signal s1 of tablet: 5" in text
    assert "hold h1 of member ann, released: 20 points" in text
    assert "h2" not in text
    assert "message m1 to member ann by email, released: suppressed (CONTACT_MISSING)" in text
    assert not story.is_empty()
