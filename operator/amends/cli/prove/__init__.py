"""What proves: the digest of a plan, a receipt, a fit installation."""
