"""Streams and who reads them: shards, batches, and what becomes of a batch that fails."""
