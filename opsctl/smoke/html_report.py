"""A run as one HTML file: when each check ran, what it proves, what it saw, and which runbook fits.

Self-contained: no script, nothing from elsewhere, so that it can be mailed and kept. Readable on a phone.
"""

from __future__ import annotations

import json
from html import escape

from opsctl.smoke.check import Report, Result

STYLE = """
:root { color-scheme: light dark; --good: #1a7f37; --bad: #cf222e; --line: #8884; --dim: #777; }
* { box-sizing: border-box; }
body { font: 16px/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 1rem; }
h1 { font-size: 1.4rem; margin: 0 0 .2rem; }
.verdict { font-weight: 600; } .good { color: var(--good); } .bad { color: var(--bad); }
.dim, time { color: var(--dim); font-size: .9rem; }
details { border-top: 1px solid var(--line); }
summary { cursor: pointer; display: flex; justify-content: space-between; list-style: none; padding: .5rem 0; }
summary::-webkit-details-marker { display: none; }
.waterfall { display: grid; gap: 2px .6rem; grid-template-columns: auto 1fr; list-style: none; margin: 1rem 0;
  padding: 0; }
.waterfall li { display: contents; }
.waterfall a { color: inherit; font-size: .8rem; line-height: 1.3; text-decoration: none; }
.waterfall svg { align-self: center; background: var(--line); border-radius: 2px; height: 8px; width: 100%; }
.good rect { fill: var(--good); } .bad rect { fill: var(--bad); } .bad a { color: var(--bad); }
.body { padding: 0 0 .8rem 1.2rem; } .body p { margin: .3rem 0; }
pre { background: var(--line); border-radius: 4px; margin: .4rem 0; overflow-x: auto; padding: .6rem;
  font-size: .85rem; white-space: pre-wrap; overflow-wrap: anywhere; }
.message { color: var(--bad); overflow-wrap: anywhere; }
code { font-size: .95em; }
"""


def to_html(report: Report) -> bytes:
    """The report as a whole page; all checks as a waterfall, then each: failed ones first and open."""
    failed = len(report.failed)
    verdict = (
        f"{failed} of {len(report.results)} checks failed" if failed else f"All {len(report.results)} checks passed"
    )
    length = max([report.seconds, *(result.begun + result.seconds for result in report.results), 0.001])
    by_begin = sorted(report.results, key=lambda result: result.begun)
    failed_first = sorted(by_begin, key=lambda result: result.passed)
    page = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{"✗" if failed else "✓"} smoke {escape(report.environment)}</title>
<style>{STYLE}</style>
</head>
<body>
<h1>smoke {escape(report.environment)}</h1>
<p><span class="verdict {"bad" if failed else "good"}">{verdict}</span> in {report.seconds:.1f} s
<br><time datetime="{report.started_at.isoformat()}">{report.started_at:%Y-%m-%d %H:%M:%S} UTC</time></p>
<ol class="waterfall">
{"".join(_lane(result, length) for result in by_begin)}</ol>
{"".join(_check(result) for result in failed_first)}
</body>
</html>
"""
    return page.encode("utf-8", "replace")  # half a surrogate pair, as JSON may hold one, is no text


def _lane(result: Result, length: float) -> str:
    left, width = 1000 * result.begun / length, max(4.0, 1000 * result.seconds / length)
    return f"""<li class="{_kind(result)}"><a href="#{escape(result.name)}">{escape(result.name)}</a>\
<svg viewBox="0 0 1000 8" preserveAspectRatio="none">\
<title>{result.begun:.1f} s to {result.begun + result.seconds:.1f} s</title>\
<rect x="{min(left, 996):.0f}" width="{width:.0f}" height="8"/></svg></li>
"""


def _check(result: Result) -> str:
    message = f'<p class="message">{escape(result.message)}</p>' if result.message else ""
    runbook = f"<p>Runbook: <code>{escape(result.runbook)}</code></p>" if result.runbook else ""
    evidence = escape(json.dumps(dict(result.evidence), indent=2, ensure_ascii=False)) if result.evidence else ""
    return f"""<details id="{escape(result.name)}"{"" if result.passed else " open"}>
<summary><span><span class="{_kind(result)}">{"✓" if result.passed else "✗"}</span> {escape(result.name)}</span>
<span class="dim">{result.seconds:.1f} s</span></summary>
<div class="body">
<p>{escape(result.proves)}</p>
{message}{runbook}{f"<pre>{evidence}</pre>" if evidence else '<p class="dim">No evidence was kept.</p>'}
</div>
</details>
"""


def _kind(result: Result) -> str:
    return "good" if result.passed else "bad"
