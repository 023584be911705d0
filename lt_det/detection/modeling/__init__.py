"""The parts of a detector: box predictors, RoI heads, inference, teachers, backbones."""
