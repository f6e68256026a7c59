"""The second half of docs/configuration.md: every key of every table, made from the models that read them."""
