"""A running system in a folder: a file a daemon, books, the broker's files, bundles, units, a script that starts all."""
