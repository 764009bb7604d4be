"""Log lines: one event on one line, whatever it carries."""

import logging


class OneLine(logging.Formatter):
    """Time, level, place and message; line breaks inside a message cannot forge a second line."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's own name)
        line = super().formatMessage(record)
        return line.replace("\r", "\\r").replace("\n", "\\n")
