"""Random LVIS ground truth and results that evaluators could disagree on."""

import numpy as np
from pycocotools import mask as mask_api

SIDE = 120


def random_truth(rng, num_images=8, num_categories=9, per_image=7):
    frequencies = ["r", "c", "f"]
    categories = [
        {"id": c + 1, "frequency": frequencies[c % 3], "name": "same"}
        for c in range(num_categories)
    ]
    images, annotations = [], []
    for image_id in range(num_images):
        present = rng.choice(num_categories, 4, replace=False) + 1
        absent = [c for c in range(1, num_categories + 1) if c not in present]
        images.append(
            {
                "id": image_id,
                "width": SIDE,
                "height": SIDE,
                "neg_category_ids": [int(c) for c in absent[:3]],
                "not_exhaustive_category_ids": [int(present[0])],
            }
        )
        for _ in range(per_image):
            x, y = rng.uniform(0, SIDE / 2, 2)
            w, h = rng.uniform(4, SIDE / 2, 2)
            annotations.append(
                {
                    # Ids from 0: the official code and its successors treat that one differently.
                    "id": len(annotations),
                    "image_id": image_id,
                    "category_id": int(rng.choice(present)),
                    "bbox": [x, y, w, h],
                    "segmentation": [[x, y, x + w, y, x + w, y + h, x, y + h]],
                }
            )
    return images, annotations, categories


def random_results(rng, images, annotations, categories, copies=4):
    results = []
    for annotation in annotations:
        for _ in range(copies):
            x, y, w, h = annotation["bbox"] + rng.normal(0, 3, 4)
            right = rng.random() < 0.7
            category = annotation["category_id"] if right else int(rng.choice(categories)["id"])
            results.append(
                result(
                    annotation["image_id"],
                    category,
                    [float(v) for v in (x, y, max(w, 1), max(h, 1))],
                    # Few distinct scores: ties must be broken as the official code breaks them.
                    round(float(rng.random()), 1),
                )
            )
    return results


def result(image_id, category_id, box, score):
    mask = np.zeros((SIDE, SIDE), dtype=np.uint8, order="F")
    x, y, w, h = box
    mask[max(int(y), 0) : max(int(y + h), 0), max(int(x), 0) : max(int(x + w), 0)] = 1
    rle = mask_api.encode(mask)
    rle["counts"] = rle["counts"].decode()
    return {
        "image_id": image_id,
        "category_id": category_id,
        "bbox": box,
        "score": score,
        "segmentation": rle,
    }
