"""What both pages stand on: login, sessions, headers, times and figures as people read them, the stream of changes."""
