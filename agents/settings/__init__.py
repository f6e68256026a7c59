"""What users write, as models: parties, members' contracts, devices, daemon, scenario. No algorithm, no file.
May import protocol only.
Begin with parties.py.
"""
