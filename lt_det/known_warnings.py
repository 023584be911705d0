"""Warnings of other packages that a person who trains can do nothing about."""

import logging
import re
import warnings

# (category, beginning of the message, module that warns): narrow, so that nothing else is hidden.
_WARNINGS = (
    # Detectron2 and fvcore script some functions when they are imported.
    (FutureWarning, r"`torch\.jit\.script` is deprecated", r"torch\.jit\._script"),
    (DeprecationWarning, r"`torch\.jit\.script` is deprecated", r"torch\.jit\._script"),
    # Detectron2's anchors.
    (UserWarning, r"torch\.meshgrid: in an upcoming release", r"torch\.functional"),
    # Detectron2's mixed precision, from torch 2.4 on.
    (
        FutureWarning,
        r"`torch\.cuda\.amp\.(GradScaler|autocast)\(args\.\.\.\)` is deprecated",
        r"detectron2\.engine\.train_loop",
    ),
    # Detectron2's several processes.
    (FutureWarning, r"`broadcast_buffers` is deprecated", r"detectron2\.engine\.defaults"),
    # Masks encoded and decoded by pycocotools under numpy 2.
    (DeprecationWarning, r"__array__ implementation doesn't accept a copy", r"pycocotools\.mask"),
    # RLE masks that Detectron2 stacks, which copies them.
    (
        UserWarning,
        r"The given NumPy array is not writable",
        r"detectron2\.data\.detection_utils",
    ),
)
# Logger of torch → beginning of the message.
_LOGGED = {
    "torch.utils.cpp_extension": "No CUDA runtime is found",
    "torch.fx._symbolic_trace": "is_fx_tracing will return true",
}


def ignore_known_warnings() -> None:
    """Leave out these warnings in this process; every other one is shown as ever."""
    for category, message, module in _WARNINGS:
        warnings.filterwarnings("ignore", message, category, re.compile(module).pattern)
    for name, message in _LOGGED.items():
        logging.getLogger(name).addFilter(_Without(message))


class _Without(logging.Filter):
    """Lets through all records but those that begin with a message."""

    def __init__(self, message: str) -> None:
        super().__init__()
        self._message = message

    def filter(self, record: logging.LogRecord) -> bool:
        return not record.getMessage().startswith(self._message)
