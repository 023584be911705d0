#!/usr/bin/env python3
"""Train or evaluate a long-tailed detector.

tools/train_net.py --config-file configs/lvis_v0.5/cascade_r101_tde.yaml [--num-gpus N] [KEY VALUE]
tools/train_net.py --config-file … --eval-only MODEL.WEIGHTS FILE
tools/train_net.py --config-file … --train-json FILE --train-images DIR \
                                   --val-json FILE --val-images DIR
"""

from lt_det.commands.train_net import run

if __name__ == "__main__":
    run()
