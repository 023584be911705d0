"""Images of what a model does."""
