"""Floor 1: how messages travel: live (MQTT), simulated, recorded."""
