"""Who asks, and whether they may: what every request goes through."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.requests import HTTPConnection

from streamer.access.guard import bearer
from streamer.access.refusals import Refusals
from streamer.access.roles import Identity, Role
from streamer.bus import CallName
from streamer.console.desk import Desk
from streamer.console.shapes import Refusal
from streamer.errors import AccessDenied, ForbiddenOrigin, HuazhaError

log = logging.getLogger(__name__)


class ForbiddenRole(HuazhaError):
    """Somebody who is known wants what is not theirs to do."""

    def __init__(self, identity: Identity, wanted: Role) -> None:
        super().__init__(f"{identity.name} is {identity.role}; this is for {wanted}s")


class BadRequest(HuazhaError):
    """What is asked makes no sense, though each part of it does."""


class NotFound(HuazhaError):
    """There is no such thing."""


class CallOver(HuazhaError):
    """The call is over, or there never was one of this name."""

    def __init__(self, call: str) -> None:
        super().__init__(f"call {call} is not going on")


class Door:
    """Lets requests and sockets in, and tells of those that were refused.

    Args:
      desk: who may come in, and where it is told.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._refusals = Refusals()

    def check_origin(self, connection: HTTPConnection) -> None:
        """Refuse pages of other places.

        Raises:
          ForbiddenOrigin: it comes from one.
        """
        self._desk.guard.check_origin(connection.headers.get("origin"), connection.headers.get("host"))

    async def admit(self, connection: HTTPConnection) -> Identity:
        """Say who a request comes from.

        Raises:
          ForbiddenOrigin: a page of another place.
          AccessDenied: nobody who is known.
        """
        try:
            self.check_origin(connection)
            return self._desk.guard.identify(bearer(connection.headers.get("authorization")))
        except (AccessDenied, ForbiddenOrigin) as error:
            await self.refused(connection, error)
            raise

    async def refused(self, connection: HTTPConnection, error: AccessDenied | ForbiddenOrigin) -> None:
        """Tell of somebody who was not let in."""
        self._desk.metrics.refused.inc()
        address = connection.client.host if connection.client else "an unknown address"
        fields = self._refusals.note("the console", address, error, time.monotonic())
        if fields is not None:
            await self.record(**fields)

    async def record(self, what: str, detail: str, by: str | None) -> None:
        """Put what somebody did on the record."""
        try:
            await self._desk.media.publish("access", {"what": what, "detail": detail, "by": by})
        except HuazhaError as trouble:
            log.error("it can't be told that %s (%s): %s", what, detail, trouble)


def desk_of(request: Request) -> Desk:
    desk = request.app.state.desk
    assert isinstance(desk, Desk)
    return desk


def door_of(request: Request) -> Door:
    door = request.app.state.door
    assert isinstance(door, Door)
    return door


AtDesk = Annotated[Desk, Depends(desk_of)]
AtDoor = Annotated[Door, Depends(door_of)]


class _As:
    """Lets through who has a role."""

    def __init__(self, role: Role) -> None:
        self._role = role

    async def __call__(self, request: Request, door: AtDoor) -> Identity:
        identity = await door.admit(request)
        if not identity.role.may(self._role):
            raise ForbiddenRole(identity, self._role)
        return identity


Viewer = Annotated[Identity, Depends(_As(Role.VIEWER))]
Supervisor = Annotated[Identity, Depends(_As(Role.SUPERVISOR))]
Admin = Annotated[Identity, Depends(_As(Role.ADMIN))]


@contextmanager
def sensible() -> Iterator[None]:
    """Refuse what a question's answerer finds to make no sense.

    Raises:
      BadRequest: it said so.
    """
    try:
        yield
    except ValueError as error:
        raise BadRequest(str(error)) from None


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Give the errors of a request, for OpenAPI."""
    return {status: {"model": Refusal} for status in (400, 401, 403, *statuses)}


def name_of(item: dict[str, Any]) -> CallName:
    """Give how events name a call, or a violation's call."""
    return CallName(item["call"], item["call_id"], item["agent"])
