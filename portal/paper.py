"""Paper: PDFs set by typst in both scripts, and the codes printed on them."""

import io
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import segno
import typst
from django.conf import settings

# So many times signs are replaced that the fonts do not have.
MOST_STRANGE = 40
_STRANGE = re.compile(r'the text `?"([^"]+)"`? could not be displayed')


@cache
def _fonts() -> Any:
    """The project's own fonts and no other, so that a page looks the same on every machine."""
    folder = str(Path(settings.BASE_DIR) / "static" / "vendor" / "paper")
    return typst.Fonts(
        include_system_fonts=False, include_embedded_fonts=False, font_paths=[folder]
    )


def pdf_of(template: Path, content: dict[str, Any]) -> bytes:
    """A template's PDF; what it shows comes as JSON, so that no text can be taken for markup."""
    said = json.dumps(content, ensure_ascii=False)
    for _sign in range(MOST_STRANGE):
        try:
            made: bytes = typst.compile(
                template.read_bytes(), font_paths=_fonts(), sys_inputs={"content": said},
                format="pdf", pdf_standards=["ua-1"],
            )  # fmt: skip
        except typst.TypstError as problem:
            strange = _STRANGE.search(str(problem))
            if strange is None:
                raise
            # What the fonts do not have would not be read aloud either.
            for sign in set(strange[1]):
                said = said.replace(sign, "?")
        else:
            return made
    raise ValueError("The text has too many signs that cannot be set.")


def qr(text: str) -> str:
    """A QR code as SVG."""
    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(
        out, kind="svg", border=0, xmldecl=False, omitsize=True
    )
    return out.getvalue().decode()
