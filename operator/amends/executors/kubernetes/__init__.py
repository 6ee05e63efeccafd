"""Changes to one object of the tenant's namespace: previewed, made, and found again."""
