"""Post-hoc methods: other class probabilities from a trained model, one method a file."""
