"""`gridpact explain`: why a deal came out as it did, read from the journals alone.

    entries -> evidence (what was said, heard, told) -> story (who, what, why) -> text, JSON or a page

Nothing is computed anew: every figure stands in a message or a note, or is a difference of two that do.
"""
