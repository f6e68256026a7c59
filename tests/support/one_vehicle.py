"""The file of a daemon with one vehicle, up to its driver."""

HOME = """
[[ders]]
name = "home-14"
parent = "ra-1"

[[ders.devices]]
kind = "vehicle"
resource_id = "ev"
capacity_wh = 40000
soc_wh = 20000
state_at = 2026-01-14T17:00:00Z
plugs_in_at = 2026-01-14T17:00:00Z
departs_at = 2026-01-15T06:30:00Z
departure_soc_wh = 30000
max_charge_w = 6000
max_discharge_w = 3000
"""
