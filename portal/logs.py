"""Log lines: one event on one line, whatever it carries."""

import logging


class OneLine(logging.Formatter):
    """Time, level, place and message; line breaks inside a message cannot forge a second line."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """A trace keeps its lines, each marked as one of it, and no row's values."""
        first, *trace = super().format(record).split("\n")
        kept = [line for line in trace if not line.lstrip().startswith(("DETAIL:", "CONTEXT:"))]
        return "\n".join([first, *(f"  | {line}" for line in kept)])

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's own name)
        line = super().formatMessage(record)
        return line.replace("\r", "\\r").replace("\n", "\\n")
