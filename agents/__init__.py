"""Floor 2: the parties that speak. Pure state machines, and the shell that carries them."""
