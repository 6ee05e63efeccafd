"""What people decide, in statements of their own: about a plan, a failure, an attempt."""
