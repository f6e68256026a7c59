"""Distributed energy resources: S50-S54."""
