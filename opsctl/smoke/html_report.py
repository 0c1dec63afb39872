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
summary { cursor: pointer; display: grid; gap: 0 .8rem; grid-template-columns: 1fr auto; list-style: none;
  padding: .5rem 0; }
summary::-webkit-details-marker { display: none; }
.lane { background: var(--line); border-radius: 3px; grid-column: 1 / 3; height: 6px; margin-top: .35rem;
  overflow: hidden; }
.lane svg { display: block; height: 6px; width: 100%; }
.good rect { fill: var(--good); } .bad rect { fill: var(--bad); }
.body { padding: 0 0 .8rem 1.2rem; }
pre { background: var(--line); border-radius: 4px; margin: .4rem 0; overflow-x: auto; padding: .6rem;
  font-size: .85rem; white-space: pre-wrap; overflow-wrap: anywhere; }
.message { color: var(--bad); overflow-wrap: anywhere; }
code { font-size: .95em; }
"""


def to_html(report: Report) -> bytes:
    """The report as a whole page; failed checks first and open, then as a waterfall by their begin."""
    failed = len(report.failed)
    verdict = (
        f"{failed} of {len(report.results)} checks failed" if failed else f"All {len(report.results)} checks passed"
    )
    length = max([report.seconds, *(result.begun + result.seconds for result in report.results), 0.001])
    ordered = sorted(report.results, key=lambda result: (result.passed, result.begun))
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
{"".join(_check(result, length) for result in ordered)}
</body>
</html>
"""
    return page.encode("utf-8", "replace")  # half a surrogate pair, as JSON may hold one, is no text


def _check(result: Result, length: float) -> str:
    kind, mark = ("good", "✓") if result.passed else ("bad", "✗")
    left, width = 1000 * result.begun / length, max(4.0, 1000 * result.seconds / length)
    message = f'<p class="message">{escape(result.message)}</p>' if result.message else ""
    runbook = f"<p>Runbook: <code>{escape(result.runbook)}</code></p>" if result.runbook else ""
    evidence = escape(json.dumps(dict(result.evidence), indent=2, ensure_ascii=False)) if result.evidence else ""
    return f"""<details{"" if result.passed else " open"}>
<summary><span><span class="{kind}">{mark}</span> {escape(result.name)}</span>
<span class="dim">{result.seconds:.1f} s</span>
<span class="lane {kind}" title="from {result.begun:.1f} s to {result.begun + result.seconds:.1f} s">\
<svg viewBox="0 0 1000 6" preserveAspectRatio="none" aria-hidden="true">\
<rect x="{min(left, 996):.0f}" width="{width:.0f}" height="6"/></svg></span></summary>
<div class="body">
<p>{escape(result.proves)}</p>
{message}{runbook}{f"<pre>{evidence}</pre>" if evidence else '<p class="dim">No evidence was kept.</p>'}
</div>
</details>
"""
