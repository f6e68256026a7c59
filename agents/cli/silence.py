"""The logs of a command that draws on the terminal are off."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def silent() -> Iterator[None]:
    """Without logs, which would stand amid what is drawn; afterwards they are as before, for what else runs in the
    process."""
    import logging

    import structlog

    before = structlog.get_config() if structlog.is_configured() else None
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.reset_defaults()
        if before is not None:
            structlog.configure(**before)
