"""What is put on record: evidence, its digests, its names, what is redacted, how long it stays."""
