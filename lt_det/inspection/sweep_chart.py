"""AP by the strength of TDE, where a run has rows of several."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from lt_det.visualization.page import Figure, axes, figure_of, legend

from .charts import GROUP_COLOURS

Row = dict[str, Any]
_FIGURES = {"AP": "#8a6fd1", "APr": GROUP_COLOURS["rare"], "APc": GROUP_COLOURS["common"],
            "APf": GROUP_COLOURS["frequent"]}  # fmt: skip


def sweep_chart(rows: Sequence[Row], task: str) -> Figure | None:
    """Draw AP and its groups against α, with background exemption and without.

    α = 0 is the row without TDE. ``None`` where fewer than two strengths were read.

    Args:
        rows: of one data set.
        task: ``"segm"`` or ``"bbox"``.
    """
    without = [row for row in rows if row.get("alpha") in (None, 0.0) and _is_plain(row)]
    swept = [row for row in rows if row.get("alpha") and row.get("method", "tde") == "tde"]
    if len({row["alpha"] for row in swept}) + bool(without) < 2 or not swept:
        return None
    figure, axis = axes(width=7, height=3.4)
    for exempt, style in ((True, "o-"), (False, "x--")):
        line = sorted(
            [row for row in swept if bool(row["background_exempt"]) is exempt],
            key=lambda row: row["alpha"],
        )
        if not line:
            continue
        whole = [*without[:1], *line]
        alphas = [row.get("alpha") or 0.0 for row in whole]
        for name, colour in _FIGURES.items():
            values = [row[task].get(name, np.nan) for row in whole]
            words = "with" if exempt else "without"
            axis.plot(alphas, values, style, color=colour, markersize=4, linewidth=1,
                      label=f"{name} {words} exemption")  # fmt: skip
    axis.set(xlabel="α of TDE", ylabel="AP of masks" if task == "segm" else "AP of boxes")
    legend(axis, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure_of(figure)


def _is_plain(row: Row) -> bool:
    return row.get("method") in (None, "none") or row.get("alpha") == 0.0
