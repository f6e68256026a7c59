"""The plan over members and slots: which mix of what they can give meets a request best."""
