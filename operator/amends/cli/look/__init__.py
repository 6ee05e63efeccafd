"""What people look at: lists, one object as a story, a run as a tree, what waits for them."""
