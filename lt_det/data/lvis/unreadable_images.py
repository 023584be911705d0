"""The images of an annotation file, looked at before the work."""

from dataclasses import replace

from lt_det.data.image_files.checks import image_files, image_problems, leave_out

from .reader import AnnotationSet


def find_unreadable(annotation_set: AnnotationSet, on_invalid: str) -> AnnotationSet:
    """Find the images that are broken, cut off, or of another size than their record says.

    An image's size is that after EXIF's turn, as Detectron2 reads it.

    Args:
        annotation_set: with its images.
        on_invalid: ``"error"``, or ``"skip"`` to leave such images out of training and inference.
            In an evaluation their instances are missed: what it counts stays.

    Returns:
        the set with ``unreadable`` filled in.

    Raises:
        DataError: names the file, the image and its image, under ``"error"`` or where no image
            would be left.
    """
    store, json_file = annotation_set.store, annotation_set.json_file
    own_ids = annotation_set.original_ids or store.image_ids.tolist()
    positions = range(len(annotation_set.paths))
    headers = [store.header(position) for position in positions]
    sizes = [(header["width"], header["height"]) for header in headers]
    problems = image_problems(image_files(annotation_set.paths), json_file, sizes)
    leave_out(
        problems,
        lambda i: f"{json_file}: image {own_ids[i]}: {annotation_set.paths[i]}",
        json_file,
        len(positions),
        on_invalid,
        "they are left out of training and inference; an evaluation still counts their "
        "annotations, as missed",
    )
    return replace(annotation_set, unreadable=frozenset(problems)) if problems else annotation_set
