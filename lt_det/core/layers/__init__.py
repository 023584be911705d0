"""Classifier layers: the normalized classifier, its normalizations, the head direction."""
