"""Metrics of classifiers by shot group."""
