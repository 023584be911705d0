"""What a test's run writes to does not reach the next test."""

import logging

from lt_det.engine.setup import log_like_detectron2

KEPT = []


def test_a_run_sets_up_its_own_log(capsys):
    logger = logging.getLogger("detectron2")
    KEPT.append((list(logger.handlers), logging.getLogger("lt_det").propagate))
    logger.addHandler(logging.StreamHandler())
    log_like_detectron2()
    logging.getLogger("lt_det").warning("said")
    assert capsys.readouterr().err == "said\n"


def test_the_next_has_none_of_it(capsys):
    if KEPT:  # else it ran alone
        handlers, propagate = KEPT.pop()
        assert logging.getLogger("detectron2").handlers == handlers
        assert logging.getLogger("lt_det").propagate == propagate
