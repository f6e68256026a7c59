"""What looks at a system or its records: run, watch, record, replay, explain, study.
May import runtime and what lies above it, and broker.
Begin with run/simulate.py.
"""
