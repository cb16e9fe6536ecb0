"""The committed schemas and examples are what the models say, and examples stay readable."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import orjson
import pytest

from shared.events.catalogue import EVENT_TYPES
from shared.events.event import EventData
from shared.events.generate import ASYNCAPI, SCHEMAS, drift
from shared.events.json_schemas import schema_name, short_name
from shared.events.kafka_binding import STRUCTURED_HEADERS, decode, encode

EXAMPLES = SCHEMAS.parent / "examples"
MODELS = list(EVENT_TYPES.values())


def example_files() -> Iterator[Path]:
    for model in MODELS:
        for kind in ("minimal", "full"):
            yield EXAMPLES / short_name(model) / f"{kind}.json"


def model_of(path: Path) -> type[EventData]:
    return EVENT_TYPES[f"greenpoints.{path.parent.name}"]


def schema_of(model: type[EventData]) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((SCHEMAS / schema_name(model)).read_text(encoding="utf-8"))
    return schema


def with_unknown_fields(node: Any) -> Any:
    """What a later sender may write: every object of the data has a field more."""
    if isinstance(node, dict):
        return {key: with_unknown_fields(value) for key, value in node.items()} | {"added_later": [1]}
    if isinstance(node, list):
        return [with_unknown_fields(item) for item in node]
    return node


def test_generated_files_are_up_to_date() -> None:
    assert drift() == []


def test_no_example_is_of_an_unknown_type() -> None:
    assert set(EXAMPLES.rglob("*.json")) == set(example_files())


@pytest.mark.parametrize("model", MODELS, ids=short_name)
def test_the_schema_is_valid_2020_12(model: type[EventData]) -> None:
    jsonschema.Draft202012Validator.check_schema(schema_of(model))


@pytest.mark.parametrize("path", list(example_files()), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_an_example_decodes_and_follows_its_schema(path: Path) -> None:
    raw = path.read_bytes()
    model = model_of(path)
    jsonschema.validate(orjson.loads(raw)["data"], schema_of(model), jsonschema.Draft202012Validator)
    event = decode(model.TOPIC, None, raw, STRUCTURED_HEADERS)
    assert isinstance(event.data, model)
    if path.stem == "full":
        assert orjson.loads(raw)["data"].keys() == {field.alias or name for name, field in model.model_fields.items()}
    text = encode(event.id, event.source, event.type, event.subject, event.time, "k", event.data)
    again = decode(model.TOPIC, None, text, STRUCTURED_HEADERS)
    assert (again.known, again.content_hash) == (event.known, event.content_hash)


@pytest.mark.parametrize("path", list(example_files()), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_an_old_consumer_reads_a_later_sender(path: Path) -> None:
    model = model_of(path)
    envelope = orjson.loads(path.read_bytes())
    data = envelope["data"]
    # A mapping takes any key, so there a new key would be content.
    later = envelope | {"data": data | {"added_later": [1]} if model.HAS_MAPPINGS else with_unknown_fields(data)}
    old = decode(model.TOPIC, None, orjson.dumps(envelope), STRUCTURED_HEADERS)
    new = decode(model.TOPIC, None, orjson.dumps(later), STRUCTURED_HEADERS)
    assert (new.data, new.content_hash) == (old.data, old.content_hash)
    assert b"added_later" not in encode("1", "/a", new.type, None, new.time, "k", new.data)


@pytest.mark.parametrize("model", MODELS, ids=short_name)
def test_the_schema_refuses_what_lacks_a_required_field(model: type[EventData]) -> None:
    data = orjson.loads((EXAMPLES / short_name(model) / "minimal.json").read_bytes())["data"]
    validator = jsonschema.Draft202012Validator(schema_of(model))
    for name in schema_of(model)["required"]:
        assert not validator.is_valid({key: value for key, value in data.items() if key != name})


def test_the_integrators_reference_names_every_type_and_topic() -> None:
    reference = (ASYNCAPI.parent / "events.md").read_text(encoding="utf-8")
    for model in MODELS:
        assert short_name(model).removesuffix(".v1") in reference
        assert f"`{model.TOPIC}`" in reference
