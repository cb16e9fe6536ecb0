"""What a control, a limit or the balance forbids: nothing was taken."""

from shared.events.reason_codes import ReasonCode


class RefusedError(Exception):
    """A request that must not be done, as one sentence with a code of the enumeration; `amounts` go to the caller.

    Raised inside the transaction that decides, which it undoes; `refusals.answering` makes it the caller's answer.
    """

    def __init__(self, code: ReasonCode, detail: str, *, reward_id: str | None = None, **amounts: int) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.reward_id = reward_id
        self.amounts = amounts
