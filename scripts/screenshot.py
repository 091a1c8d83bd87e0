"""`make pictures`: the README's pictures, out of the demo's job summaries. Needs Chromium on PATH.

A summary is rendered as GitHub would, closely enough, and painted by headless Chromium.
`python -m scripts.screenshot SUMMARY.md PICTURE.png HEIGHT` paints any other summary.
"""

import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[1]
DEMO = ROOT / "out" / "demo" / "slo-verify"
PICTURES = {"summary-healthy": 925, "summary-rolled-back": 1220}
"""The pictures of docs/images by the demo's deploys, in order, and how much of each is shown:
up to the charts, which only GitHub draws."""
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


def main(arguments: list[str]) -> int:
    """Paint the summary that is named, or those of the demo that ran last."""
    if arguments:
        source, picture, pixels = arguments
        photograph(page(Path(source).read_text(encoding="utf-8")), Path(picture), int(pixels))
        return 0
    summaries = sorted(DEMO.glob("*/summary.md"), key=lambda path: path.stat().st_mtime)
    for summary, (name, height) in zip(summaries, PICTURES.items(), strict=True):
        target = ROOT / "docs" / "images" / f"{name}.png"
        photograph(page(summary.read_text(encoding="utf-8")), target, height)
        print(target.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
