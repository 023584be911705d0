"""Checkpoints: reading, writing, what is recorded beside the weights."""
