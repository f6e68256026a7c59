"""One process of one role: control socket, alerts, metrics, doctor."""
