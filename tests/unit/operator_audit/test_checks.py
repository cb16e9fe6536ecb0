"""The list of checks, and what counts as contact data."""

from pathlib import Path

from services.operator.audit import checks
from services.operator.audit.checks import CHECKS
from services.operator.audit.checks.contact_data import contact_fields
from shared.events.contact_updated import ContactUpdated


def test_every_check_of_the_folder_runs_once_in_the_order_of_the_invariants() -> None:
    files = {path.stem for path in Path(checks.__path__[0]).glob("*.py")} - {"__init__"}
    assert len(CHECKS) == len(files)
    assert len({check.name for check in CHECKS}) == len(CHECKS)
    numbers = [check.number for check in CHECKS]
    assert numbers == sorted(numbers)
    assert set(numbers) == set(range(1, 10))


def test_contact_fields_are_found_at_any_depth_and_flags_are_none() -> None:
    schema = {
        "properties": {
            "phone_verified": {"type": "boolean"},
            "telemetry": {"type": "string"},
            "member": {"$ref": "#/$defs/Member"},
        },
        "$defs": {"Member": {"properties": {"home_email": {"type": "string"}, "mobile": {"anyOf": []}}}},
    }
    assert sorted(contact_fields(schema)) == ["home_email", "mobile"]


def test_the_contacts_own_event_would_be_found() -> None:
    assert list(contact_fields(ContactUpdated.model_json_schema()))
