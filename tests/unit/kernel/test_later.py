"""What a room's plate offers is there, also what is loaded when it is used; and nothing else is."""

from types import ModuleType

import pytest

from appliance import audit, identity


@pytest.mark.parametrize("room", [audit, identity])
def test_a_room_has_every_name_that_its_plate_offers(room: ModuleType) -> None:
    assert [name for name in room.__all__ if not hasattr(room, name)] == []


@pytest.mark.parametrize("room", [audit, identity])
def test_a_name_that_no_plate_offers_is_refused(room: ModuleType) -> None:
    with pytest.raises(AttributeError, match="create_everything"):
        _ = room.create_everything
