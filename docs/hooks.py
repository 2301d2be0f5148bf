"""MkDocs hooks: expand directives, typeset math, add the paper pages and the results."""

from __future__ import annotations

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from mkdocs.utils import get_relative_url

from derivations.notation import paper_keys, read_paper
from derivations.rows import ROOT, ROWS
from docs import extension, katex, symbols

SHOWN = {".svg", ".csv"}


def on_startup(command: str, dirty: bool) -> None:
    """Install KaTeX before anything else, so that a missing network is reported at once."""
    katex.install()


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each paper note, and the figures and tables of each experiment."""
    for key in paper_keys():
        files.append(File.generated(config, f"papers/{key}.md", content=paper_page(key)))
    for row in ROWS:
        for folder, target in (("experiments", "results"), ("sweeps", "results/sweeps")):
            there = (ROOT / "results" / folder / row).glob("*")
            for path in sorted(p for p in there if p.suffix in SHOWN):
                name = f"{target}/{row}/{path.name}"
                files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def paper_page(key: str) -> str:
    """A paper note as a page: its citation, its equations by number, our text, BibTeX."""
    paper = read_paper(key)
    front = paper.front
    parts = [
        f"# {front['title']}",
        f"{', '.join(front['authors'])} ({front['year']}), {front['venue']}. <{front['url']}>",
        "#" + paper.body.strip(),  # the title of the note is a heading here
    ]
    if paper.equations:
        parts.append("## Equations we refer to")
    for number, row in paper.equations.items():
        recalled = " (number recalled, not confirmed)" if row.get("source") == "recalled" else ""
        parts.append(f"**({number})** {row['says']}{recalled}\n\n$$\n{row['latex']}\n$$")
    parts.append(f"## Citation\n\n```bibtex\n{front['bibtex'].strip()}\n```")
    return "\n\n".join(parts) + "\n"


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Expand the directives of a page."""
    return extension.expand(markdown, page.file.src_uri)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Typeset the math of a page, and let its symbols say what they mean."""
    typeset = katex.typeset(symbols.mark(html, page.file.src_uri), page.file.src_uri)
    return symbols.resolve(typeset, get_relative_url(symbols.GLOSSARY, page.url))


def on_post_build(config: MkDocsConfig) -> None:
    """Copy KaTeX's stylesheet and fonts from the installed package."""
    katex.copy_assets(Path(config.site_dir))
