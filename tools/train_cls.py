#!/usr/bin/env python3
"""Train or evaluate a long-tailed image classifier.

tools/train_cls.py --config-file configs/classification/imagenet_lt/resnext50_tde.yaml \
                   [--num-gpus N] [--resume] [KEY VALUE]
tools/train_cls.py --config-file … --eval-only MODEL.WEIGHTS FILE
tools/train_cls.py --config-file configs/classification/folder_lt/resnet32_tde.yaml \
                   --data FOLDER_OR_ZIP --imbalance 100 [--teacher CHECKPOINT]
"""

from lt_det.commands.train_cls import run

if __name__ == "__main__":
    run()
