"""The border to devices: what reads and commands them. Simulated ones here; a real one keeps the same contract.
May import parties and what lies above it, and broker.
Begin with simulated.py.
"""
