"""LVIS and COCO AP: ground truth, detections, evaluators."""
