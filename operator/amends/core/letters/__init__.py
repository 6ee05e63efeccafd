"""What becomes of a failure: people decide, it is sent again, or it is undone."""
