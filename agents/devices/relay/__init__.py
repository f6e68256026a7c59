"""Which slots a vehicle's relay is closed in, exactly, over plain rows."""
