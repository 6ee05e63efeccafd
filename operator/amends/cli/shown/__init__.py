"""What people read, in words, tables and screens. Nothing here asks a server."""
