"""The audit's reports and its command, and what cannot be audited, in one line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from torch import Tensor, nn

from experiments.audit import audit
from experiments.audit.__main__ import main
from experiments.audit.agreement import verdict
from experiments.audit.page import document
from experiments.audit.report import as_json
from experiments.settings import Unusable
from tests.audited_models import CASES, WIDTH, TwoInputs, normal, sound

HERE = "tests.audited_models"


def test_json_and_html_have_it_all() -> None:
    found = audit(CASES["default"][0], normal(8, WIDTH), draws=4, fix=True)
    data = json.loads(as_json(found))
    assert data["findings"][0]["row"] == "init/conv_default" and data["after"]["layers"]
    assert {"fan_in", "gain", "needed_gain", "ratio", "product", "alike", "dead"} <= set(
        data["layers"][1]
    )
    page = document(found)
    assert (
        page.count("<svg") == 2 and "init/conv_default" in page and "initialise_(model, x)" in page
    )
    assert found._repr_html_() in page


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("nowhere.at_all:x --input 3", "there is no module 'nowhere'"),
        (f"{HERE} --input 3", "MODULE:NAME"),
        (f"{HERE}:nothing --input 3", "has no 'nothing'"),
        (f"{HERE}:broken --input 3", "the factory failed: KeyError"),
        (f"{HERE}:number --input 3", "must return a torch.nn.Module"),
        (f"{HERE}:WIDTH --input 3", "is no function"),
        (f"{HERE}:sound", "give the shape"),
        (f"{HERE}:sound --input 3xa", "sizes such as"),
        (f"{HERE}:sound --input 3", "without the batch?"),
        (f"{HERE}:sound --input 128 --tokens 9", "leave out --tokens"),
        (f"{HERE}:sound --input 128 --nets 2", "nets must be at least 3"),
        (f"{HERE}:sound --input 128 --batch -3", "batch must be at least 1"),
        (f"{HERE}:sound --input -3", "sizes such as"),
        (f"{HERE}:sound --input 128 --tokens -5", "tokens must be at least 0"),
        (f"{HERE}:sound --input 128 --seconds nan", "seconds must be at least 0"),
        (f"{HERE}:sound --input 9999999999x9999999999", "too many numbers"),
        (f"{HERE}:TwoInputs --input 4", "wants several inputs"),
        (f"{HERE}:TwoInputs --input 4 4 --output more", "returns no 'more'"),
    ],
)
def test_what_cannot_be_audited_is_told_in_one_line(
    arguments: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments.split())
    shown = capsys.readouterr().err
    assert stop.value.code == 2
    assert said in shown and shown.count("\n") == 1 and "Traceback" not in shown


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = (
        f"{HERE}:sound --input 128 --nets 3 --fix --json {tmp_path}/a.json --html {tmp_path}/a.html"
    )
    with pytest.raises(SystemExit) as stop:
        main(arguments.split())
    shown = capsys.readouterr().out
    assert stop.value.code == 0
    assert "initialise_(model, x)" in shown and "The signal is kept" in shown
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))["model"] == "sound"
    assert "<svg" in (tmp_path / "a.html").read_text(encoding="utf-8")


def test_several_inputs_and_a_chosen_output() -> None:
    found = audit(TwoInputs(), normal(4, 4), normal(4, 4), draws=3, output="1")
    assert [x.kind for x in found.layers] == ["input", "input", "linear", "linear"]
    named = audit(TwoInputs(), a=normal(4, 4), b=normal(4, 4), draws=3, fix=True)
    assert named.after is not None


def test_no_gradient_is_told() -> None:
    class Frozen(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.detach() * 2

    with pytest.raises(Unusable, match="gradient"):
        audit(Frozen(), normal(2, 3), draws=3)


def test_a_verdict_needs_something_to_test() -> None:
    found = audit(sound, normal(4, WIDTH), draws=3)
    unsure = [replace(x, how="mean field") for x in found.layers]
    assert verdict(unsure)[0].startswith("No layer could be tested")
