#!/usr/bin/env python3
"""XE, De-confound, TDE, PC, τ-norm, cRT, LWS and xERM on one data set: the tables of RESULTS.md.

tools/study_cls.py --data FOLDER_OR_ZIP --output output/tiny [--seeds 1] [--epochs 100] [--jobs 2]

Choices (α, p, xERM's exponent and weight decay) are made on training pictures held out before the
long-tailed cut, by trainings of their own; the test set is used once they are made.
"""

import argparse
from pathlib import Path

from lt_det.analysis.class_study import (
    ALPHAS,
    LA_TAUS,
    TAU_NORM_POWERS,
    XERM_VARIANTS,
    Results,
    Study,
    best_parameter,
    compact,
    mean_over_seeds,
    read_results,
)
from lt_det.analysis.runs import Run, run_all
from lt_det.data.json_file import save_json
from lt_det.evaluation.class_tables import group_table, top1_table

ROOT = Path(__file__).resolve().parents[1]
TOOL = ROOT / "tools" / "train_cls.py"
SWEEP_TE = ["TEST.TDE_ALPHAS", str(ALPHAS)]
SWEEP_XE = ["TEST.IMAGES.LA_TAUS", str(LA_TAUS), "TEST.IMAGES.TAU_NORM_POWERS"]
SWEEP_XE += [str(TAU_NORM_POWERS)]


def weights(run: Run) -> str:
    """Its last checkpoint."""
    return str(run.folder / "model_final.pth")


def tune(study: Study, jobs: int, variant_epochs: int) -> dict[str, float | str]:
    """Train without the held-out pictures and choose on them."""
    te, xe = study.tuning("tde"), study.tuning("xe")
    run_all(TOOL, [te, xe], jobs)
    sweeps = [
        study.evaluation(te, "tde", *SWEEP_TE, held_out=True),
        study.evaluation(xe, "xe", *SWEEP_XE, held_out=True),
    ]
    run_all(TOOL, sweeps, jobs)
    alpha = best_parameter(read_results(sweeps[0]), "alpha")
    power = best_parameter(read_results(sweeps[1]), "p")
    teacher = ["MODEL.LT.XERM.TEACHER_WEIGHTS", weights(te), "MODEL.LT.TDE.ALPHA", str(alpha)]
    variants = {
        name: study.tuning(
            "xerm_tde", *teacher, *options, name=f"xerm_tde_{name}", epochs=variant_epochs
        )
        for name, options in XERM_VARIANTS.items()
    }
    run_all(TOOL, list(variants.values()), jobs)
    top1 = {
        name: read_results(run)["xERM_TDE"]["balanced"]["top1"] for name, run in variants.items()
    }
    chosen: dict[str, float | str] = {"alpha": alpha, "p": power}
    return {**chosen, "xerm": max(top1, key=lambda name: top1[name]), **top1}


def compare(study: Study, seed: int, chosen: dict[str, float | str], jobs: int) -> Results:
    """All methods with one seed, on every test distribution."""
    xe, te = study.training("xe", seed), study.training("tde", seed)
    run_all(TOOL, [xe, te], jobs)
    student = XERM_VARIANTS[str(chosen["xerm"])]
    second = [
        study.training(
            "xerm_tde",
            seed,
            *("MODEL.LT.XERM.TEACHER_WEIGHTS", weights(te)),
            *("MODEL.LT.TDE.ALPHA", str(chosen["alpha"]), *student),
        ),
        study.training("xerm_pc", seed, "MODEL.LT.XERM.TEACHER_WEIGHTS", weights(xe), *student),
        study.training("crt", seed, "MODEL.WEIGHTS", weights(xe)),
        study.training("lws", seed, "MODEL.WEIGHTS", weights(xe)),
    ]
    run_all(TOOL, second, jobs)
    power = f"[{chosen['p']}]"
    swept = [
        study.evaluation(te, "tde", "TEST.TDE_ALPHAS", f"[{chosen['alpha']}]"),
        study.evaluation(
            xe, "xe", *("TEST.IMAGES.LA_TAUS", "[1.0]", "TEST.IMAGES.TAU_NORM_POWERS", power)
        ),
    ]
    run_all(TOOL, swept, jobs)
    of_te, of_xe = (list(read_results(run).values()) for run in swept)
    xerm_tde, xerm_pc, crt, lws = (next(iter(read_results(run).values())) for run in second)
    named = {
        **{"XE": of_xe[0], "De-confound": of_te[0], "TDE": of_te[1], "PC": of_xe[1]},
        **{"τ-norm": of_xe[2], "cRT": crt, "LWS": lws, "xERM_TDE": xerm_tde, "xERM_PC": xerm_pc},
    }
    return {m: {t: compact(f) for t, f in tests.items()} for m, tests in named.items()}


def main() -> None:
    """Run what is missing, then print the tables and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="folder or zip, a folder per class")
    parser.add_argument("--output", type=Path, default=Path("output/tiny"))
    parser.add_argument("--configs", type=Path, default=ROOT / "configs/classification/folder_lt")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--imbalance", type=float, default=100.0)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--tuning-epochs", type=int, default=50)
    parser.add_argument("--variant-epochs", type=int, default=30, help="of xERM's variants")
    parser.add_argument("--hold-out", type=int, default=50, help="pictures a class to choose on")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time; they share the cores")
    args = parser.parse_args()
    study = Study(
        args.configs,
        args.data,
        args.output,
        args.imbalance,
        args.epochs,
        args.tuning_epochs,
        args.hold_out,
    )
    chosen = tune(study, args.jobs, args.variant_epochs)
    print(f"chosen on the held-out pictures: {chosen}", flush=True)
    of_seeds = {seed: compare(study, seed, chosen, args.jobs) for seed in args.seeds}
    mean = mean_over_seeds(list(of_seeds.values()))
    save_json(mean, args.output / "figures.json", indent=1)
    save_json({"chosen": chosen, "seeds": of_seeds}, args.output / "figures_by_seed.json", indent=1)
    for test in next(iter(mean.values())):
        print(group_table(mean, test), end="\n\n")
    print(top1_table(mean))
    print(f"figures: {args.output}/figures.json, figures_by_seed.json")


if __name__ == "__main__":
    main()
