"""LVIS- and COCO-style annotation files: reading, checks, Detectron2's catalogs."""
