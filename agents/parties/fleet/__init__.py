"""Many homes in one: what they compute together, and their usual course without an actor each."""
