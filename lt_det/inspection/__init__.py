"""A look at data before training: what is in it, what is odd about it, what it suggests."""
