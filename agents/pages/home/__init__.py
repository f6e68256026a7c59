"""The resident's page: what is asked, what it earns, what the devices do and why."""
