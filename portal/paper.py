"""Paper: PDFs set by typst in both scripts, and the codes printed on them."""

import io
import json
from functools import cache
from pathlib import Path
from typing import Any

import segno
import typst
from django.conf import settings


@cache
def _fonts() -> Any:
    """The project's own fonts and no other, so that a page looks the same on every machine."""
    folder = str(Path(settings.BASE_DIR) / "static" / "vendor" / "paper")
    return typst.Fonts(
        include_system_fonts=False, include_embedded_fonts=False, font_paths=[folder]
    )


def pdf_of(template: Path, content: dict[str, Any]) -> bytes:
    """A template's PDF; what it shows comes as JSON, so that no text can be taken for markup."""
    made: bytes = typst.compile(
        template.read_bytes(), font_paths=_fonts(), sys_inputs={"content": json.dumps(content)},
        format="pdf", pdf_standards=["ua-1"],
    )  # fmt: skip
    return made


def qr(text: str) -> str:
    """A QR code as SVG."""
    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(
        out, kind="svg", border=0, xmldecl=False, omitsize=True
    )
    return out.getvalue().decode()
