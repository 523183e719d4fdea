"""What a first start relies on: packages by uv or else by pip, steps that are told, tales that go on side by side."""

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from infra import packages, progress
from infra.building import CommandError
from infra.local.client import Api
from infra.local.deploy import Outputs
from infra.local.telling import Story
from infra.packages import Platform, create_environment, install_packages, install_wheels, make_uv_available

NOWHERE = Outputs("http://nowhere", "http://nowhere", {}, {}, {}, "", "")
ARM = Platform(uv=("--python-platform", "aarch64-manylinux2014"), pip=("--platform", "manylinux2014_aarch64"))


def story(tell: Callable[[str], None]) -> Story:
    return Story(Api("http://nowhere", ""), NOWHERE, tell=tell)


class Installers:
    """An environment whose uv and whose Python write down what they are asked for, and end as they are told."""

    def __init__(self, folder: Path) -> None:
        self.asked = folder / "asked"
        self.folder = folder

    def add(self, name: str, exit_code: int) -> None:
        program = self.folder / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f'#!/bin/sh\necho {name} "$@" >>{self.asked}\nexit {exit_code}\n')
        program.chmod(0o755)

    def requests(self) -> list[str]:
        return self.asked.read_text().splitlines() if self.asked.exists() else []


@pytest.fixture
def installers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installers:
    monkeypatch.setattr(packages, "ENVIRONMENT", tmp_path)
    return Installers(tmp_path)


def test_uv_installs_when_it_is_there_and_pip_is_not_asked(installers: Installers) -> None:
    installers.add("uv", 0)
    installers.add("python", 0)
    install_packages(Path("/env/bin/python"), Path("pins.txt"))
    (asked,) = installers.requests()
    assert asked == "uv --quiet --no-progress pip install --python /env/bin/python --requirement pins.txt"


def test_pip_installs_when_uv_cannot_be_had(installers: Installers) -> None:
    installers.add("python", 0)
    install_packages(Path("/env/bin/python"), Path("pins.txt"))
    (asked,) = installers.requests()
    assert asked.startswith("python -m pip")
    assert asked.endswith("--python /env/bin/python install --requirement pins.txt")


def test_pip_installs_when_uv_fails_and_the_reader_is_told(
    installers: Installers, capsys: pytest.CaptureFixture[str]
) -> None:
    installers.add("uv", 2)
    installers.add("python", 0)
    install_wheels(Path("layer"), Path("pins.txt"), ARM)
    by_uv, by_pip = installers.requests()
    assert "--python-platform aarch64-manylinux2014" in by_uv
    assert "--platform manylinux2014_aarch64" in by_pip
    assert "--target layer" in by_pip
    assert "uv failed, so pip is asked" in capsys.readouterr().err


def test_what_neither_can_install_is_an_error(installers: Installers) -> None:
    installers.add("uv", 2)
    installers.add("python", 1)
    with pytest.raises(CommandError):
        install_packages(Path("/env/bin/python"), Path("pins.txt"))


def test_without_uv_an_environment_is_made_by_python_itself(installers: Installers, tmp_path: Path) -> None:
    installers.add("uv", 2)
    python = create_environment(tmp_path / "made")
    assert python.exists()


def test_a_first_start_without_uv_goes_on(installers: Installers, capsys: pytest.CaptureFixture[str]) -> None:
    installers.add("python", 1)
    make_uv_available()
    (asked,) = installers.requests()
    assert "uv==" in asked
    assert "uv cannot be had" in capsys.readouterr().err


@pytest.fixture
def last_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "last_times.json"
    monkeypatch.setattr(progress, "_LAST_TIMES", file)
    return file


def test_a_step_says_that_it_begins_and_how_long_it_took(last_times: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with progress.step("Building the house"):
        pass
    assert capsys.readouterr().err.splitlines() == ["Building the house ...", "Building the house: 0.0 s"]
    assert json.loads(last_times.read_text()) == {"Building the house": 0.0}


def test_a_step_that_fails_says_so_and_leaves_no_time_behind(
    last_times: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ZeroDivisionError), progress.step("Building the house"):
        raise ZeroDivisionError
    assert capsys.readouterr().err.splitlines()[-1] == "Building the house: failed"
    assert not last_times.exists()


@pytest.mark.parametrize("broken", ["", "{", "[]", '{"a": "b"}', '"text"'])
def test_broken_last_times_are_no_times(last_times: Path, broken: str, capsys: pytest.CaptureFixture[str]) -> None:
    last_times.write_text(broken)
    with progress.step("Building the house"):
        pass
    assert "Building the house: 0.0 s" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("seconds", "last_seconds", "shown"),
    [
        (3.2, None, "Building ... 3 s"),
        (3.0, 6.0, "Building [############------------] 3 s, last time 6 s"),
        (9.0, 6.0, "Building [########################] 9 s, last time 6 s"),
    ],
)
def test_a_bar_shows_how_far_a_step_is_by_its_last_time(seconds: float, last_seconds: float | None, shown: str) -> None:
    assert progress.bar("Building", seconds, last_seconds) == shown


def test_tales_go_on_side_by_side_and_are_told_one_after_the_other() -> None:
    said: list[str] = []
    second_is_over = threading.Event()

    def first_tale(story: Story) -> None:
        story.tell("once")
        assert second_is_over.wait(30)
        story.check("what", 1, 2)

    def second_tale(story: Story) -> None:
        story.tell("elsewhere")
        story.check("how", "well", "well")
        second_is_over.set()

    together = story(said.append)
    together.tell_side_by_side(first_tale, second_tale)
    assert said == ["once", "  NOT what: 1, expected 2", "elsewhere", "  ok  how: well"]
    assert together.differences == ["what: 1, expected 2"]


def test_a_tale_that_breaks_breaks_the_story_after_what_it_told() -> None:
    said: list[str] = []

    def breaks(story: Story) -> None:
        story.tell("so far")
        raise TimeoutError("nothing was settled")

    with pytest.raises(TimeoutError, match="nothing was settled"):
        story(said.append).tell_side_by_side(breaks)
    assert said == ["so far"]
