"""What the API server and the docs are told, made from the types and the tables."""
