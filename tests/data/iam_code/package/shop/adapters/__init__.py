"""Where the outside begins."""
