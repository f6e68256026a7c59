"""What each kind of device can give and has to keep (S50, S52), alone and many at once (rows/).
May import settings and protocol.
Begin with contract.py, then vehicle.py.
"""
