"""Every note that a party tells: what is worth telling beside the messages, for logs, live views and explanations.

Powers in W a slot in the event's direction, energies in Wh, shares in percent, slots from 0. Names, steps and keys are
frozen: journals are folded and compared with them. docs/notes.md is made of these models (`gridpact schema --notes`).
"""

from protocol.notes.aggregator import *
from protocol.notes.coordinator import *
from protocol.notes.deal import *
from protocol.notes.delivery import *
from protocol.notes.device import *
from protocol.notes.party import *
from protocol.notes.utility import *
