"""Environments that live for hours: copies of others, registered with an end, and reaped after it."""
