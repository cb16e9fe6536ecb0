"""JSON Schema (2020-12) of every event's data, from its model."""

import inspect
from typing import Any, Final

from pydantic.json_schema import GenerateJsonSchema

from shared.events.event import EventData

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


class _Untitled(GenerateJsonSchema):
    """Leaves out the titles that only repeat a field's name."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def short_name(model: type[EventData]) -> str:
    """`greenpoints.purchase.completed.v1` → `purchase.completed.v1`."""
    return model.TYPE.removeprefix("greenpoints.")


def schema_name(model: type[EventData]) -> str:
    """The file of the model's schema."""
    return f"{short_name(model)}.json"


def data_schema(model: type[EventData]) -> dict[str, Any]:
    """The schema of what a sender may write. Sums and equal ids are beyond it: the decoder checks those."""
    schema = model.model_json_schema(by_alias=True, schema_generator=_Untitled, mode="validation")
    description = inspect.cleandoc(model.__doc__ or "")
    return {
        "$schema": DIALECT,
        "$id": f"urn:greenpoints:schema:{short_name(model)}",
        **schema,
        "title": model.TYPE,
        "description": description,
    }
