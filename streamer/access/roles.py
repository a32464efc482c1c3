"""What people and platforms may do. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a token is good for; `docs/feed.md` says what each may do."""

    PLATFORM = "platform"
    VIEWER = "viewer"
    SUPERVISOR = "supervisor"
    ADMIN = "admin"

    def may(self, wanted: Role) -> bool:
        """Tell whether this role is enough where `wanted` is asked for.

        A viewer's rights are a supervisor's too, and a supervisor's an admin's. A platform stands apart: nobody who
        looks at calls may make some up, and no telephony platform may look at them.
        """
        if Role.PLATFORM in (self, wanted):
            return self is wanted
        return _PEOPLE.index(self) >= _PEOPLE.index(wanted)


_PEOPLE = (Role.VIEWER, Role.SUPERVISOR, Role.ADMIN)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who signed in.

    Attributes:
      token: the id of the token that it was done with; None without one.
    """

    name: str
    role: Role
    token: str | None = None
