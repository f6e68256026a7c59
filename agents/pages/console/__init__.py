"""The control room: what operators see and order."""
