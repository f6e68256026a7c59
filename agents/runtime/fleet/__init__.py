"""Many homes in one process, over one or a few connections."""
