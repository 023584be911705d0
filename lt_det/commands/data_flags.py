"""The flags that name a person's own data, as the training commands have them."""

import argparse

ANNOTATIONS = ("train_json", "train_images", "val_json", "val_images")
IMAGES = ("data", "imbalance")


def add_data_flags(parser: argparse.ArgumentParser) -> None:
    """Add both kinds: annotation files with their images, and a folder or zip of classes."""
    for split, use in (("train", "training"), ("val", "validation")):
        json_flag, images_flag = f"--{split}-json", f"--{split}-images"
        parser.add_argument(json_flag, default="", metavar="FILE", help=f"{use} annotations")
        parser.add_argument(images_flag, default="", metavar="DIR", help="their images")
    parser.add_argument(
        "--data", default="", metavar="PATH", help="folder or zip, a folder a class"
    )
    parser.add_argument("--imbalance", type=float, metavar="R", help="cut --data's training to it")


def data_words(args: argparse.Namespace, names: tuple[str, ...]) -> list[str]:
    """Return those flags that are given, with their values, for a training command.

    Args:
        args: parsed.
        names: :data:`ANNOTATIONS` or :data:`IMAGES`.
    """
    given = {name: getattr(args, name) for name in names}
    return [
        word
        for name, value in given.items()
        if value not in ("", None)
        for word in (f"--{name.replace('_', '-')}", str(value))
    ]
