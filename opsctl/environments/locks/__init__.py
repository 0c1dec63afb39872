"""One command at a time changes an environment: its lock, what is to be thought of it, and how it is released."""
