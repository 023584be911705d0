"""A comparison made in parts: some systems on one machine, others, or another seed, on the next.

Each comparison writes a part, its figures and predictions without weights; :func:`read_parts` makes
one comparison of several.
"""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lt_det.compare.run_record import input_print
from lt_det.errors import DataError
from lt_det.files import load_json, save_json

from .comparison import Comparison, compact
from .study import Study

FILE = "part.json"


def study_identity(study: Study) -> dict[str, Any]:
    """Return what the comparisons of one table must share, as JSON has it."""
    return {
        "data": input_print(study.data) if study.data else "",
        "configs": study.configs.name,
        "imbalance": study.imbalance,
        "epochs": study.epochs,
        "options": list(study.options),
    }


def save_part(
    comparison: Comparison, chosen: dict[str, Any], study: dict[str, Any], folder: Path
) -> Path:
    """Write ``part.json`` and the files of predictions that its rows are in.

    Args:
        comparison: whose metrics and predictions.
        chosen: what was chosen on the held-out images.
        study: of :func:`study_identity`.
        folder: made if need be; what it holds of an earlier part is replaced.

    Returns:
        the path of ``part.json``.
    """
    kept = folder / "predictions"
    kept.mkdir(parents=True, exist_ok=True)
    names: dict[Path, str] = {}
    places = []
    for (seed, row), (file, called) in comparison.predictions.items():
        if file not in names:
            names[file] = f"{file.parent.name}.npz"
            shutil.copyfile(file, kept / names[file])
        places.append({"seed": seed, "row": row, "file": names[file], "name": called})
    seeds = {str(seed): compact(results) for seed, results in comparison.results.items()}
    part = {"study": study, "chosen": chosen, "seeds": seeds, "predictions": places}
    save_json(part, folder / FILE, indent=1)
    return folder / FILE


def read_chosen(file: Path) -> dict[str, Any]:
    """Return what an earlier comparison chose on held-out images, for one that chooses nothing.

    Args:
        file: its ``part.json`` or ``by_seed.json``.

    Raises:
        DataError: it cannot be read or holds no choices.
    """
    saved = load_json(file)
    chosen = saved.get("chosen") if isinstance(saved, dict) else None
    if not isinstance(chosen, dict) or not chosen.keys() >= {"alpha", "p", "xerm"}:
        raise DataError(f"{file}: no choices of α, p and xERM's variant under 'chosen'")
    return chosen


def read_parts(folders: Sequence[Path]) -> tuple[Comparison, dict[str, Any]]:
    """Make one comparison of parts; a row that several have must have the same figures in each.

    Args:
        folders: with ``part.json`` each; rows stand in their order.

    Returns:
        the comparison, its seeds in order, and what was chosen on the held-out images.

    Raises:
        DataError: a part that cannot be read, is of another study or other choices than the first,
            or measured a row otherwise.
    """
    parts = {folder / FILE: load_json(folder / FILE) for folder in folders}
    first_file, first = next(iter(parts.items()))
    results: dict[int, Any] = {int(seed): {} for part in parts.values() for seed in part["seeds"]}
    merged = Comparison(dict(sorted(results.items())), {})
    for file, part in parts.items():
        for key in ("study", "chosen"):
            _check_same(file, key, part[key], first_file, first[key])
        for seed, rows in part["seeds"].items():
            for row, metrics in rows.items():
                earlier = merged.results[int(seed)].setdefault(row, metrics)
                # As text, for NaN is not equal to itself.
                if json.dumps(earlier) != json.dumps(metrics):
                    raise DataError(f"{file}: {row}, seed {seed}: another part has other figures")
        for place in part["predictions"]:
            where = (file.parent / "predictions" / place["file"], place["name"])
            merged.predictions.setdefault((place["seed"], place["row"]), where)
    return merged, first["chosen"]


def _check_same(file: Path, key: str, values: Any, first_file: Path, first: Any) -> None:
    names = [name for name in {**first, **values} if first.get(name) != values.get(name)]
    if names:
        name = names[0]
        raise DataError(
            f"{file}: {key}: {name} is {values.get(name)}, in {first_file} {first.get(name)}"
        )
