"""What `gridpact status` shows of real devices."""

from agents.cli.status import real_devices

SAYS = {"driver": "ocpp", "heard_at": "2026-01-14T18:00:07Z", "held_w": -3_000, "fault": None, "trouble": ""}


def rows(**devices: dict[str, object]) -> list[list[object]]:
    table = real_devices([{"name": "home-1", "devices": devices}, {"name": "ra-1"}])
    return [list(row) for row in zip(*(column.cells for column in table.columns), strict=True)]


def test_real_device_is_told_with_what_it_follows_and_what_is_wrong() -> None:
    assert rows(
        ev=SAYS,
        van=SAYS | {"heard_at": None, "held_w": None},
        bus=SAYS | {"held_w": 0, "trouble": "charger CP-1 is not connected", "fault": "silent"},
    ) == [
        ["ev", "home-1", "ocpp", "18:00:07", "-3,000 W", "sound"],
        ["van", "home-1", "ocpp", "-", "its own schedule", "nothing yet"],
        ["bus", "home-1", "ocpp", "18:00:07", "0 W", "charger CP-1 is not connected"],
    ]


def test_simulated_devices_are_not_among_them() -> None:
    assert rows(pv={"driver": "simulated"}) == []
