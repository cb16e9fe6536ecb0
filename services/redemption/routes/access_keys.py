"""The operator's routes for access keys: issue, list, revoke."""

from datetime import datetime
from typing import Annotated, Literal, Self

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.redemption.access import KEY_PREFIX, Access, Caller
from services.redemption.store.access_keys import IssuedKey, WantedKey, issue_key, list_keys, revoke_key
from shared.events.fields import Identifier
from shared.runtime.http import ProblemError
from shared.runtime.secret_keys import make_key
from shared.runtime.service import Running

Program = Annotated[Identifier, Path()]
KeyId = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$")]
After = Annotated[str, Query(pattern=r"^([0-9a-f]{16})?$")]
Limit = Annotated[int, Query(ge=1, le=1000)]


class KeyRequest(BaseModel):
    """What a new key is bound to: a till's to one merchant, a member's to one member."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    kind: Literal["till", "member"]
    merchant_id: Identifier | None = None
    member_id: Identifier | None = None
    requests_per_second: Annotated[int, Field(ge=1, le=10_000)] = 20

    @model_validator(mode="after")
    def _bound_to_one(self) -> Self:
        if (self.kind == "till") != (self.merchant_id is not None) or (self.kind == "member") != (
            self.member_id is not None
        ):
            raise ValueError("a till's key names its merchant_id alone, a member's key its member_id alone")
        return self


class KeyAnswer(BaseModel):
    """A key without its secret."""

    key_id: str
    kind: Literal["till", "member"]
    program_id: str
    merchant_id: str | None
    member_id: str | None
    requests_per_second: int
    issued_by: str
    created_at: datetime
    revoked_at: datetime | None


class IssuedAnswer(KeyAnswer):
    """The only answer that ever holds the secret."""

    access_key: str


class KeysAnswer(BaseModel):
    keys: list[KeyAnswer]
    next_after: str | None


def access_key_routes(running: Running, access: Access) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["access keys"])
    pool = running.pool

    @router.post("/programs/{program}/access-keys", status_code=201)
    async def issue(
        program: Program, wanted: KeyRequest, caller: Annotated[Caller, Depends(access.operator)], response: Response
    ) -> IssuedAnswer:
        """A new key; the merchant or member need not be known yet."""
        key = make_key(KEY_PREFIX)
        bound = WantedKey(
            wanted.kind, program, wanted.merchant_id, wanted.member_id, wanted.requests_per_second, caller.name
        )
        issued = await issue_key(pool, key.key_id, key.secret_hash, bound)
        response.headers["Cache-Control"] = "no-store"
        return IssuedAnswer(access_key=key.text, **_shown(issued))

    @router.get("/programs/{program}/access-keys", dependencies=[Depends(access.operator)])
    async def listed(program: Program, after: After = "", limit: Limit = 100) -> KeysAnswer:
        """The program's keys, revoked ones too, in the order of issue."""
        keys = [KeyAnswer(**_shown(key)) for key in await list_keys(pool, program, after, limit)]
        return KeysAnswer(keys=keys, next_after=keys[-1].key_id if len(keys) == limit else None)

    @router.delete("/access-keys/{key_id}", status_code=204, dependencies=[Depends(access.operator)])
    async def revoke(key_id: KeyId) -> None:
        """Takes effect within 5 s in every process; again changes nothing."""
        if not await revoke_key(pool, key_id):
            raise ProblemError(404, "NOT_FOUND", "There is no access key of this id; list the program's keys.")
        access.forget(key_id)

    return router


def _shown(key: IssuedKey) -> dict[str, object]:
    return {name: getattr(key, name) for name in KeyAnswer.model_fields}
