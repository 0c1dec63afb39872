"""What an environment's configuration forbids: how it is written, judged and checked."""
