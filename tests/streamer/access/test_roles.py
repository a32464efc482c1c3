"""Roles: who may do what, cell by cell."""

from __future__ import annotations

import pytest

from streamer.access.roles import Role

MAY = {
    Role.PLATFORM: {Role.PLATFORM},
    Role.VIEWER: {Role.VIEWER},
    Role.SUPERVISOR: {Role.VIEWER, Role.SUPERVISOR},
    Role.ADMIN: {Role.VIEWER, Role.SUPERVISOR, Role.ADMIN},
}


@pytest.mark.parametrize("wanted", Role)
@pytest.mark.parametrize("role", Role)
def test_a_role_may_what_it_should_and_nothing_else(role: Role, wanted: Role) -> None:
    assert role.may(wanted) is (wanted in MAY[role])
