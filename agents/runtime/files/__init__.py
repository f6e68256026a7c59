"""Files in and out: TOML, CSV, books of members, forecasts."""
