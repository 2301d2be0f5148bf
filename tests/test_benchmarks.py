"""The benchmarks: who races whom, in turn, into a file that can be compared; never a time."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

import pytest

from benchmarks import __main__ as benchmarks
from benchmarks import compare, kernels, races
from derivations.record import read_record
from docs import performance
from docs.records import COUNTS
from impl.tensors.schedules import has_halide

GROWTH = "Deep stacks, our own at another size"
NETWORK = "there and back, 16 × 784 → 50 → 1"
LOOP, MODULES = "torch.randn and a loop over layers", "torch.nn.Sequential with hooks"


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[races.Race]]:
    """All races, of small matrices."""
    monkeypatch.setattr(kernels, "SQUARES", (64, 600))
    return {name: list(make()) for name, make in benchmarks.groups(16).items()}


RUNGS = ["registers", "tiles", "vector instructions", *(["Halide"] if has_halide() else [])]


def test_who_races_whom(found: dict[str, list[races.Race]]) -> None:
    pairs = {name: [(race.name, race.peer) for race in group] for name, group in found.items()}
    small, large, threads = "64 × 64 @ 64 × 64", "600 × 600 @ 600 × 600", "torch.mm, 2 threads"
    last = "product by vector instructions"
    assert pairs["Matrix products"] == [
        (f"product by reordered loops, {small}", "torch.mm"),
        *((f"product by {rung}, {small}", "torch.mm") for rung in RUNGS),
        (f"{last}, 2 threads, {small}", threads),
        *((f"product by {rung}, {large}", "torch.mm") for rung in RUNGS),
        (f"{last}, 2 threads, {large}", threads),
        (f"{last}, 16 × 784 @ 784 × 50", "torch.mm"),
        (f"{last}, 2 threads, 16 × 784 @ 784 × 50", threads),
        (f"{last}, 5 × 784 @ 784 × 10", "torch.mm"),
    ]
    assert {race.threads for race in found["Matrix products"] if race.peer == threads} == {2}
    assert {peer for _, peer in pairs["The lesson's network"]} == {
        "torch.autograd, not the input's"
    }
    assert [name for name, _ in pairs["The lesson's network"]] == [
        "back by autograd, all gradients, 16 × 784 → 50 → 1",
        "back by hand, 16 × 784 → 50 → 1",
        "back by hand, transposed, 16 × 784 → 50 → 1",
        "there and back by hand, with the input's, 16 × 784 → 50 → 1",
        "there and back, masks in place, transposed, 16 × 784 → 50 → 1",
        "there and back in one pass, 16 × 784 → 50 → 1",
    ]
    assert pairs["Networks"] == [
        ("Kaiming's weights, 512 × 512", "torch.nn.init.kaiming_normal_"),
        ("Frobenius norm, 5 × 5", "torch.linalg.matrix_norm"),
        ("Frobenius norm, 5 × 5", "numpy.linalg.norm"),
        ("Frobenius norm, 1024 × 1024", "torch.linalg.matrix_norm"),
        ("Frobenius norm, 1024 × 1024", "numpy.linalg.norm"),
        (NETWORK, "torch.autograd, all gradients"),
        (NETWORK, "torch.autograd, not the input's"),
        (NETWORK, "torch.compile, all gradients"),
        ("linear layer by outer products, 1 × 784 → 50", "torch.autograd, all gradients"),
        ("linear layer by einsum, 16 × 784 → 50", "torch.autograd, all gradients"),
        ("linear layer by matrix products, 16 × 784 → 50", "torch.autograd, all gradients"),
    ]
    assert pairs["Deep stacks"] == [
        ("norms forwards, a layer of 512", LOOP),
        ("norms both ways, a layer of 512", LOOP),
        ("norms forwards, a layer of 1024", LOOP),
        ("norms both ways, a layer of 1024", LOOP),
        ("2 inputs both ways, a layer of 512", LOOP),
        ("32 inputs both ways, a layer of 512", LOOP),
        ("real weights, a layer of 512, batch 1", LOOP),
        ("real weights, a layer of 512, batch 1", MODULES),
        ("real weights, a layer of 512, batch 64", LOOP),
        ("real weights, a layer of 512, batch 64", MODULES),
        ("real weights, a layer of 1024, batch 1", LOOP),
        ("real weights, a layer of 1024, batch 1", MODULES),
        ("real weights, a layer of 1024, batch 64", LOOP),
        ("real weights, a layer of 1024, batch 64", MODULES),
    ]
    assert pairs[GROWTH] == [
        ("norms both ways, a layer of 10⁶ from its law", "one of 512"),
        ("norms both ways, one of 2,000 layers from its law", "one of 20"),
        ("layer 1,000 of a network of width 512, from its law alone", "drawn layer by layer"),
    ]
    peers = {peer for name, group in pairs.items() if name != GROWTH for _, peer in group}
    assert all(peer.startswith("torch.") for peer in peers - {"numpy.linalg.norm"})


def test_both_sides_of_every_race_run(found: dict[str, list[races.Race]]) -> None:
    for group in found.values():
        for race in group:
            race.ours()
            if not race.peer.startswith("torch.compile"):  # which takes half a minute
                race.theirs()


def test_they_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(races, "LEAST", 0)
    calls: list[str] = []
    race = races.Race("", "", lambda: calls.append("ours"), lambda: calls.append("theirs"))
    races.run(race, rounds=3)
    assert calls[4:] == ["ours", "theirs"] * 3  # after two calls of each to see how long they take


def broken() -> None:
    raise RuntimeError("no compiler\nis here")


def small() -> list[races.Race]:
    def nothing() -> None:
        pass

    peers = {"torch.mm": nothing, "torch.compile": broken}
    return [races.Race("a product", peer, nothing, call) for peer, call in peers.items()]


def test_the_numbers_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "new" / "benchmarks.json"
    monkeypatch.setattr(races, "LEAST", 0)
    monkeypatch.setattr(benchmarks, "verification", lambda: {"init/kaiming": 1.0})
    monkeypatch.setattr(benchmarks.memory, "measured", lambda *_: 7.0)
    monkeypatch.setattr(benchmarks, "groups", lambda examples: {"Products": small})
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--rounds", "3", "--out", str(out)])
    benchmarks.main()
    found = json.loads(out.read_text(encoding="utf-8"))
    (race,) = found["races"]["Products"]
    assert (race["name"], race["peer"], race["threads"]) == ("a product", "torch.mm", 1)
    assert race["low"] <= race["ratio"] <= race["high"]
    assert len(race["rounds"]) == 3
    assert found["left out"]["torch.compile"] == "RuntimeError: no compiler"
    assert found["memory"]["ours"] == {"50": 7.0, "200": 7.0}
    assert found["verification"] == {"init/kaiming": 1.0}
    assert {"processor", "cores", "torch"} < set(found["machine"])


def test_our_own_faults_are_not_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    race = races.Race("a product", "torch.mm", broken, broken)
    monkeypatch.setattr(benchmarks, "groups", lambda examples: {"Products": lambda: [race]})
    with pytest.raises(RuntimeError, match="no compiler"):
        benchmarks.timed(1, 2)


@pytest.mark.parametrize("options", [["--rounds", "1"], ["--examples", "0"]])
def test_refusals_are_one_line(
    options: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks", *options])
    with pytest.raises(SystemExit) as stop:
        benchmarks.main()
    assert stop.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def bench(path: Path, *, factor: float, seed: int) -> Path:
    """A file of twenty races of which the first is slower by a factor."""
    noise = random.Random(seed)
    found = [
        {
            "name": f"race {i}",
            "peer": "torch.mm",
            "rounds": [noise.gauss(0.8, 0.05) * (factor if i == 0 else 1) for _ in range(15)],
        }
        for i in range(20)
    ]
    path.write_text(json.dumps({"races": {"all": found}}), encoding="utf-8")
    return path


@pytest.mark.parametrize(("factor", "code"), [(1.0, 0), (1.3, 1)])
def test_what_became_slower_is_told(
    factor: float,
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    old = bench(tmp_path / "old.json", factor=1.0, seed=0)
    new = bench(tmp_path / "new.json", factor=factor, seed=1)
    monkeypatch.setattr(sys, "argv", ["compare", str(old), str(new)])
    assert compare.main() == code
    out = capsys.readouterr().out
    assert f"20 races in both files, {code} differ beyond noise" in out
    assert ("slower" in out) == bool(code)
    monkeypatch.setattr(sys, "argv", ["compare", str(new), str(old)])
    assert compare.main() == 0  # the other way round it is faster
    assert ("faster" in capsys.readouterr().out) == bool(code)


@pytest.mark.parametrize("content", [None, "{", "[]", '{"races": {"a": [{"name": "b"}]}}', "{}"])
def test_a_file_of_another_kind_is_refused(
    content: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "other.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["compare", str(path), str(path)])
    assert compare.main() == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(f"error: {path}")
    assert captured.err.count("\n") == 1


def test_every_aim_was_measured_and_what_is_missed_has_a_reason() -> None:
    races = read_record(COUNTS / "benchmarks.json")["races"]
    measured = {(group, r["name"], r["peer"]): r for group in races for r in races[group]}
    for aim in performance.AIMS:
        race = measured[aim.group, aim.name, aim.peer]
        assert aim.why or race["ratio"] <= aim.at_most, aim
