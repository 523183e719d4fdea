"""Whose a workspace is, and was: a move is known a minute before it holds."""

from datetime import timedelta

from billing.domain.workspace import Workspace, assign, new_workspace
from tests.builders import NOW, PERIOD_START

A_MINUTE = timedelta(seconds=60)
A_DAY = timedelta(days=1)
NAME = "عيادة الأسنان – 歯科"


def of_acme() -> Workspace:
    return new_workspace("42", "acme", NAME, PERIOD_START)


def test_a_workspace_that_had_no_account_has_one_at_once_and_for_what_was_before() -> None:
    workspace = of_acme()
    assert workspace.latest.since == PERIOD_START
    assert workspace.owner_at(PERIOD_START - A_DAY) == workspace.owner_at(NOW) == "acme"
    assert workspace.moves == []


def test_a_call_belongs_to_the_account_that_had_the_workspace_when_it_ended() -> None:
    moved = assign(of_acme(), "globex", None, NOW)
    assert (moved.latest.since, moved.name) == (NOW + A_MINUTE, NAME)
    assert moved.owner_at(NOW + A_MINUTE - timedelta(milliseconds=1)) == "acme"
    assert moved.owner_at(NOW + A_MINUTE) == "globex"


def test_asking_again_holds_to_the_moment_that_was_promised() -> None:
    moved = assign(of_acme(), "globex", None, NOW)
    assert assign(moved, "globex", None, NOW + timedelta(seconds=30)) == moved
    assert assign(moved, "globex", None, NOW + A_DAY) == moved


def test_a_move_that_does_not_hold_yet_gives_way_to_another_one_and_to_none() -> None:
    moved = assign(of_acme(), "globex", None, NOW)
    soon = NOW + timedelta(seconds=30)
    elsewhere = assign(moved, "initech", None, soon)
    assert [move.account_id for move in elsewhere.moves] == ["initech"]
    assert elsewhere.latest.since == soon + A_MINUTE
    assert assign(moved, "acme", None, soon) == of_acme()


def test_the_last_ten_moves_are_kept_and_the_oldest_account_has_what_was_before() -> None:
    workspace = of_acme()
    for day in range(12):
        workspace = assign(workspace, f"account-{day}", None, NOW + day * A_DAY)
    assert [move.account_id for move in workspace.moves] == [f"account-{day}" for day in range(11, 1, -1)]
    assert workspace.moves[-1].former_account_id == "account-1"
    assert workspace.owner_at(PERIOD_START) == "account-1"


def test_leases_are_looked_for_in_a_former_account_until_four_hours_after_the_move() -> None:
    moved = assign(of_acme(), "globex", None, NOW)
    holds_from = NOW + A_MINUTE
    assert moved.owners_of_leases(NOW) == ("acme",)
    assert moved.owners_of_leases(holds_from) == ("globex", "acme")
    assert moved.owners_of_leases(holds_from + timedelta(hours=4)) == ("globex",)


def test_a_workspace_that_comes_back_is_looked_for_in_each_account_once() -> None:
    back = assign(assign(of_acme(), "globex", None, NOW), "acme", None, NOW + timedelta(hours=1))
    assert back.owners_of_leases(NOW + timedelta(hours=2)) == ("acme", "globex")
