"""Render a job summary as GitHub would, closely enough to look at, and photograph it.

`python -m scripts.screenshot SUMMARY.md PICTURE.png HEIGHT` needs Chromium on PATH.
"""

import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from markdown_it import MarkdownIt

CSS = """
body { font: 16px/1.5 -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", Helvetica, Arial,
       "Noto Color Emoji", sans-serif; color: #1f2328; margin: 24px; width: 960px }
h2 { border-bottom: 1px solid #d1d9e0; padding-bottom: .3em; font-size: 1.5em }
h3 { font-size: 1.25em }
table { border-collapse: collapse; margin: 0 0 16px } td, th { border: 1px solid #d1d9e0;
       padding: 6px 13px; text-align: left } tr:nth-child(even) td { background: #f6f8fa }
code { background: #818b981f; border-radius: 6px; padding: .2em .4em; font-size: 85%;
       font-family: ui-monospace, "DejaVu Sans Mono", monospace }
pre { background: #f6f8fa; border-radius: 6px; padding: 16px; overflow: auto }
pre code { background: none; padding: 0 }
blockquote { border-left: .25em solid #0969da; margin: 0 0 16px; padding: 0 1em }
sub { font-size: 75% } details { margin-bottom: 16px }
"""


def page(markdown: str) -> str:
    """Return the summary as a whole HTML page."""
    body = MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(markdown)
    return f"<!doctype html><meta charset='utf-8'><style>{CSS}</style>{body}"


def photograph(html: str, picture: Path, height: int) -> None:
    """Let headless Chromium paint a page of a fixed width and the given height in pixels."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or "google-chrome"
    with TemporaryDirectory() as directory:
        source = Path(directory) / "page.html"
        source.write_text(html, encoding="utf-8")
        command = [
            browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
            "--no-first-run", "--disable-background-networking", "--disable-component-update",
            "--disable-sync", f"--user-data-dir={directory}/profile",
            f"--window-size=1010,{height}", f"--screenshot={picture}", source.as_uri(),
        ]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True, timeout=60)


if __name__ == "__main__":
    summary, target = Path(sys.argv[1]), Path(sys.argv[2])
    pixels = int(sys.argv[3])
    photograph(page(summary.read_text(encoding="utf-8")), target, pixels)
