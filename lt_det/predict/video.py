"""Detections in the frames of a video, and the video with them drawn."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import supervision as sv

from lt_det.errors import DataError, one_line
from lt_det.files import printable

from .detector import Detector
from .images import InputImage
from .results import DetectionResult

ENDINGS = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v")


def is_video(path: str) -> bool:
    """Say by its ending whether a file is a video."""
    return path.lower().endswith(ENDINGS)


def video_length(path: str) -> int:
    """Return the number of frames, as the file says it.

    Raises:
        DataError: it is missing or no video.
    """
    return int(_info(path).total_frames or 0)


def detect_in_video(
    detector: Detector, path: str, drawn: Path | None = None
) -> Iterator[DetectionResult]:
    """Detect in every frame, one after another.

    Args:
        detector: to use.
        path: of the video.
        drawn: file of a video (mp4) with the detections on it; ``None``: none.

    Yields:
        the result of each frame, called ``PATH#0``, ``PATH#1``, …, printable.

    Raises:
        DataError: it is missing or no video.
    """
    info = _info(path)
    frames = sv.get_video_frames_generator(_opened_by(path))
    if drawn is None:
        for number, frame in enumerate(frames):
            yield _detect(detector, path, number, frame)
        return
    drawn.parent.mkdir(parents=True, exist_ok=True)
    with sv.VideoSink(_opened_by(str(drawn)), info) as sink:
        for number, frame in enumerate(frames):
            result = _detect(detector, path, number, frame)
            sink.write_frame(np.ascontiguousarray(result.draw()[:, :, ::-1]))
            yield result


def _detect(detector: Detector, path: str, number: int, frame: np.ndarray) -> DetectionResult:
    # OpenCV's frames are BGR.
    image = InputImage(f"{printable(path)}#{number}", np.ascontiguousarray(frame[:, :, ::-1]))
    return next(iter(detector.stream([image])))


def _opened_by(path: str) -> Any:
    """Return what OpenCV opens a file by: surrogates in a text would end the process."""
    return path if printable(path) == path else os.fsencode(path)


def _info(path: str) -> sv.VideoInfo:
    if not Path(path).is_file():
        raise DataError(f"{path}: no such file")
    try:
        return sv.VideoInfo.from_video_path(_opened_by(path))
    except Exception as error:
        raise DataError(f"{path}: no video that can be read: {one_line(error)}") from error
