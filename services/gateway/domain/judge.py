"""Which events of a request are refused, and the records of a request in which none is."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from services.gateway.domain.accepted import NOT_ACCEPTED, Record, accepted_data, to_record
from services.gateway.domain.api_key import Scope
from services.gateway.domain.scope import OUT_OF_SCOPE, out_of_scope
from shared.events.cloudevent import CloudEvent, FieldError, Rejected
from shared.events.reason_codes import ReasonCode


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the event at `index` is refused; 422 for its content, 403 for its scope."""

    index: int
    event_id: str | None
    status: int
    code: str
    message: str
    fields: tuple[FieldError, ...]

    def as_item(self) -> dict[str, object]:
        return {
            "index": self.index,
            "id": self.event_id,
            "code": self.code,
            "message": self.message,
            "fields": [asdict(field) for field in self.fields],
        }


def judge(events: Sequence[CloudEvent | Rejected], scope: Scope) -> tuple[list[Record], list[Refusal]]:
    """The records to publish, and every refusal; a request with a refusal is published not even in part."""
    records: list[Record] = []
    refusals: list[Refusal] = []
    for index, event in enumerate(events):
        outcome = _judge_one(index, event, scope)
        if isinstance(outcome, Record):
            records.append(outcome)
        else:
            refusals.append(outcome)
    return records, refusals


def _judge_one(index: int, event: CloudEvent | Rejected, scope: Scope) -> Record | Refusal:
    if isinstance(event, Rejected):
        return _content(index, None, event)
    try:
        record = to_record(event)
        outside = out_of_scope(scope, event.source, accepted_data(event))
    except Rejected as rejected:
        return _content(index, event.id, rejected)
    if outside:
        message = f"The event lies outside this API key's scope: {outside[0].path} {outside[0].message}."
        return Refusal(index, event.id, 403, OUT_OF_SCOPE, message, outside)
    return record


def _content(index: int, event_id: str | None, rejected: Rejected) -> Refusal:
    # A type of the contract that no built service reads yet and one that was never in it get the same sentence.
    message = NOT_ACCEPTED if rejected.code is ReasonCode.UNKNOWN_TYPE else rejected.message
    return Refusal(index, event_id, 422, rejected.code.value, message, rejected.fields)
