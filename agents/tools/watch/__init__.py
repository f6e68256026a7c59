"""A running system as its topics show it: `picture` is pure, `live` connects and draws. Nothing is ever published."""
