"""What happened, told once: notes and messages of one or many parties, folded. Whatever shows or explains reads this.
May import parties and what lies above it.
Begin with party.py, then fold.py.
"""
