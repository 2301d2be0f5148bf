"""Every paper note has its citation, its symbols and its equations; what a note computes is right."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from derivations.notation import DOMAINS, PAPERS, NotationError, paper_keys, parse_note, read_paper

KEYS = paper_keys()
CITATION = {"key", "title", "authors", "year", "venue", "url", "sections", "bibtex"}
FRONT = CITATION | {"equations", "symbols", "arxiv"}
COLUMNS = ("latex", "unicode", "say", "meaning", "unit", "domain")
MATH = re.compile(r"\$\$.+?\$\$|(?<!\\)\$(?!\s).+?(?<!\s)\$", re.S)
GLYPH = re.compile(r"[\\{}^_]")


def latex_is_whole(latex: str) -> bool:
    r"""Braces, brackets and \left ... \right come in pairs."""
    pairs = [("{", "}"), ("[", "]"), ("(", ")"), (r"\left", r"\right")]
    return all(latex.count(left) == latex.count(right) for left, right in pairs)


@pytest.mark.parametrize("key", KEYS)
def test_citation_is_complete(key: str) -> None:
    paper = read_paper(key)
    front = paper.front
    assert not CITATION - front.keys(), "lacks a field"
    assert not front.keys() - FRONT, "has a field that nothing reads"
    assert key == front["key"] == paper.key
    assert re.fullmatch(r"[a-z]+\d{4}", key)
    assert key.endswith(str(front["year"]))
    assert key.startswith(front["authors"][0].split()[-1].lower())
    assert front["url"].startswith("https://")
    assert all(isinstance(number, str) and title for number, title in front["sections"].items())
    assert re.match(rf"@\w+{{{key},\n", front["bibtex"])
    assert latex_is_whole(front["bibtex"])
    for author in front["authors"]:
        assert author.split()[-1] in front["bibtex"]
    if arxiv := front.get("arxiv"):
        assert front["url"] == f"https://arxiv.org/abs/{arxiv}"


@pytest.mark.parametrize("key", KEYS)
def test_every_symbol_is_declared_in_full(key: str) -> None:
    symbols = read_paper(key).symbols
    assert symbols
    for name, entry in symbols.items():
        for column in COLUMNS:
            value = getattr(entry, column)
            assert isinstance(value, str), f"{name}: {column} must be quoted text"
            assert value.strip() == value != "", f"{name} has no {column}"
        assert entry.domain in DOMAINS
        assert isinstance(entry.ours, bool)
        assert latex_is_whole(entry.latex), f"{name}: {entry.latex}"
        assert not re.search(r"[\\{}^]", entry.unicode), f"{name}: unicode holds LaTeX"
        assert not GLYPH.search(entry.say), f"{name}: nobody says {entry.say!r}"
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name)


@pytest.mark.parametrize("key", KEYS)
def test_a_papers_own_symbols_are_told_apart(key: str) -> None:
    """Ours may share a letter with each other; the paper's may not."""
    own = [entry.latex for entry in read_paper(key).symbols.values() if not entry.ours]
    assert len(own) == len(set(own))


@pytest.mark.parametrize("key", KEYS)
def test_equations_say_what_they_are(key: str) -> None:
    for number, row in read_paper(key).equations.items():
        assert isinstance(number, str), f"write the number as text: {number!r}"
        assert {"latex", "says"} <= row.keys() <= {"latex", "says", "source"}, number
        assert row.get("source", "recalled") == "recalled", number
        assert latex_is_whole(re.sub(r"\\left\[|\\right\]|\\[!,;]", "", row["latex"])), number
        assert row["says"].strip()


@pytest.mark.parametrize("key", KEYS)
def test_reading_note(key: str) -> None:
    body = read_paper(key).body.strip()
    assert body.startswith("# ")
    assert 20 <= len(body.splitlines()) <= 140, "a page to read, not a line and not a book"
    prose = re.sub(r"`[^`\n]*`", "", body)
    rest = MATH.sub("", prose)
    assert "$" not in rest, "a dollar sign without its partner"
    assert "\\" not in rest, "LaTeX outside of $...$"
    lines = prose.splitlines()
    for above, line in zip(["", *lines], lines, strict=False):
        assert not (line.startswith("#") and "$" in line), f"math in a heading: {line}"
        if line.startswith("|") and above.startswith("|"):
            assert line.count("|") == above.count("|"), f"write \\lvert for a bar: {line}"
    for math_text in MATH.findall(prose):
        assert latex_is_whole(re.sub(r"\\!", "", math_text)), math_text


@pytest.mark.parametrize("key", KEYS)
def test_numbers_in_the_note_are_declared(key: str) -> None:
    """An equation that the note cites as (8) is in its table, unless it says whose it is."""
    paper = read_paper(key)
    body = MATH.sub("", re.sub(r"`[^`]*`", "", paper.body))
    cited = set(re.findall(r"\((\d+(?:\.\d+)?)\)", body))
    elsewhere = {"goodfellow2016": {"2.30", "2.52"}}  # labels that fix the numbers between them
    assert cited <= set(paper.equations) | elsewhere.get(key, set())


def test_what_is_only_recalled_is_said() -> None:
    """The list of equation numbers that nobody could confirm: it may shrink, not grow unseen."""
    recalled = {
        f"{key}:{number}"
        for key in KEYS
        for number, row in read_paper(key).equations.items()
        if row.get("source") == "recalled"
    }
    assert recalled == {"he2015:15"}
    assert "*recalled*" in read_paper("he2015").body


@pytest.mark.parametrize(
    ("front", "complaint"),
    [
        ("key: other2020", "must have 'key: some2020'"),
        ("key: some2020\nkey: some2020", "repeated key"),
        ("key: &a some2020\ntitle: *a", "aliases"),
        ("key: !!python/object/apply:os.system ['true']", "not valid"),
        ("key: some2020\nsymbols: [1]", "'symbols' must be a table"),
        ("key: some2020\nsymbols: {n: {latex: n}}", "symbol 'n'"),
        ("key: some2020\nsymbols: {2n: {}}", "must be a name"),
        ("- a list", "must have"),
        ("key: [", "not valid"),
    ],
)
def test_a_bad_note_is_refused(front: str, complaint: str) -> None:
    with pytest.raises(NotationError, match=re.escape(complaint)) as error:
        parse_note("some2020", f"---\n{front}\n---\nText.\n".encode())
    assert "papers/some2020.md" in str(error.value)


def test_an_unknown_domain_is_refused_by_name() -> None:
    row = "{latex: n, unicode: n, say: n, meaning: size, unit: count, domain: natural}"
    with pytest.raises(NotationError, match="domain 'natural' is not one of positive integer"):
        parse_note("some2020", f"---\nkey: some2020\nsymbols: {{n: {row}}}\n---\n".encode())


def test_a_note_without_front_matter_is_refused() -> None:
    with pytest.raises(NotationError, match="two lines of ---"):
        parse_note("some2020", b"# Only text\n")


def test_files_are_named_after_their_keys() -> None:
    assert {path.name for path in PAPERS.glob("[!.]*")} == {f"{key}.md" for key in KEYS}


# The notes' own arithmetic, done again.


def test_he_ten_layers() -> None:
    filters = [64, 128, 128, 256, 256, 512, 512, 512, 512]
    deviations = [math.sqrt(2 / (9 * d)) for d in filters]
    body = read_paper("he2015").body
    assert " = " + ",\\ ".join(f"{s:.4f}" for s in sorted(set(deviations), reverse=True)) in body
    short = math.prod(s / 0.01 for s in deviations)
    assert f"{short:,.0f}".replace(",", "\\,") in body
    assert f"{short:.1e}" == "1.7e+04"
    assert f"{5.9 * 4.2**2 * 2.9**2 * 2.1**4:,.0f}" in body


def test_he_fails_with_a_gradient_of_ones() -> None:
    """Backward independence fails for x.sum().backward(), and holds for random signs."""
    rng = np.random.default_rng(0)
    width, depth, networks = 64, 5, 400
    weights = rng.standard_normal((depth, networks, width, width)) * math.sqrt(2 / width)
    x, masks = rng.standard_normal((networks, width, 1)), []
    for w in weights:
        masks.append(w @ x > 0)
        x = np.maximum(w @ x, 0)
    signs = rng.choice([-1.0, 1.0], (networks, width, 1))
    for gradient, expected in ((np.ones_like(signs), 3.668), (signs, 1.0)):
        for w, mask in zip(weights[::-1], masks[::-1], strict=True):
            gradient = w.transpose(0, 2, 1) @ (gradient * mask)
        square = (gradient**2).mean(axis=(1, 2))
        assert abs(square.mean() - expected) < 4 * square.std() / math.sqrt(networks)


def test_glorot_product_has_one_factor_too_many() -> None:
    rng = np.random.default_rng(0)
    widths, variances, draws, d, i = (4, 6, 3, 8, 5), (0.3, 0.2, 0.5, 0.4), 40_000, 3, 1
    gradient = rng.standard_normal((draws, widths[d + 1], 1))
    for layer in range(d, i, -1):
        shape = (draws, widths[layer], widths[layer + 1])
        gradient = math.sqrt(variances[layer]) * rng.standard_normal(shape) @ gradient
    square = (gradient**2).mean(axis=(1, 2))

    def product(first: int, last: int) -> float:
        return math.prod(widths[k + 1] * variances[k] for k in range(first, last + 1))

    assert [round(product(*ends), 9) for ends in ((i + 1, d), (i, d), (i, d - 1))] == [8, 4.8, 2.4]
    assert abs(square.mean() - 8) < 4 * square.std() / math.sqrt(draws) < 0.3


def test_glorot_singular_values() -> None:
    values = np.linalg.svd(np.random.default_rng(0).standard_normal((500, 500)) / math.sqrt(500))[1]
    assert abs(values.mean() - 8 / (3 * math.pi)) < 0.005
    assert round(8 / (3 * math.pi), 3) == 0.849
    assert round(8 / (3 * math.pi) / math.sqrt(3), 3) == 0.490


def test_goodfellow_mean_norm() -> None:
    """The mean of the norm, and how far it is from the root of the mean square."""
    for size in (6, 100, 10_000):
        mean = math.sqrt(2) * math.exp(math.lgamma((size + 1) / 2) - math.lgamma(size / 2))
        assert math.isclose(mean, math.sqrt(size) * (1 - 1 / (4 * size)), rel_tol=1 / size**2)
    assert abs(10_000 - mean**2 - 0.5) < 1e-4


def test_parr_all_pairs() -> None:
    """Outputs (N, 1) minus targets (N,) subtract every pair."""
    rng = np.random.default_rng(0)
    output, target = rng.standard_normal((7, 1)), rng.standard_normal(7) + 1
    pairs = ((output - target) ** 2).mean()
    assert math.isclose(pairs, output.var() + target.var() + (output.mean() - target.mean()) ** 2)
