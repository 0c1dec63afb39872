"""What a person sees. `console` is the one place that prints; commands hand it plain data."""
