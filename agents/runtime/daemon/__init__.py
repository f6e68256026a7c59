"""One process of one role: its connections, its settings in force, its archive, control socket, alerts, metrics, doctor."""
