"""The page's way in and out: to the identity provider and back, with what was asked; and out again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from issuer import CLIENT, SECRET, Issuer, issuing
from served import make_gallery

import lookalike.server
from browser.conftest import serving

pytestmark = pytest.mark.usefixtures("keys_of_its_own")
MakePage = Callable[..., Any]


@pytest.fixture
def people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Issuer]]:
    """The address of a page, and the provider at which people sign in."""
    if not (Path(lookalike.server.__file__).parent / "static" / "index.html").is_file():
        pytest.skip("the page is not built: `make page`")
    monkeypatch.setenv("LOOKALIKE_OIDC_SECRET", SECRET)
    who = {"sub": "248289761001", "preferred_username": "jane.doe", "roles": ["radiology"]}
    with issuing(next=who) as issuer:
        options = ("--oidc-issuer", issuer.url, "--oidc-client", CLIENT, "--oidc-check-seconds", "0")
        with serving(make_gallery(tmp_path), *options, "--grant", "radiology=contributor") as address:
            yield address, issuer


def test_sign_in_look_and_sign_out(people: tuple[str, Issuer], page_without_errors: MakePage, artefacts: Path) -> None:
    address, issuer = people
    page = page_without_errors(expected="40[14]")
    page.goto(f"{address}#/labels")
    page.get_by_test_id("sign-in").wait_for()
    page.screenshot(path=artefacts / "sign-in.png")
    page.get_by_test_id("sign-in").click()
    page.get_by_test_id("sign-out").wait_for()
    assert re.search(r"#.*labels", page.url)  # where it was
    assert "jane.doe" in page.get_by_test_id("sign-out").inner_text()
    assert "12 records" in page.get_by_test_id("about").inner_text()
    page.wait_for_timeout(500)
    page.screenshot(path=artefacts / "signed-in.png")
    cookies = page.context.cookies()
    (session,) = [each for each in cookies if each["name"] == "lookalike-session"]
    assert (session["httpOnly"], session["sameSite"]) == (True, "Strict")
    page.reload()
    page.get_by_test_id("about").wait_for()
    page.get_by_test_id("sign-out").click()
    page.get_by_test_id("sign-in").wait_for()
    assert page.url.startswith(address)
    assert issuer.asked["/logout"] == 1
    assert [each for each in page.context.cookies() if each["name"] == "lookalike-session"] == []
    page.screenshot(path=artefacts / "signed-out.png")


SIZES = ((400, 800), (1280, 800))


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_who_is_not_signed_in_is_told_what_to_do(
    people: tuple[str, Issuer], page_without_errors: MakePage, artefacts: Path, scheme: str
) -> None:
    """In words on the page, as on all others of the way in and out; and a reload does not say it again."""
    address, _issuer = people
    for width, height in SIZES:
        viewport = {"width": width, "height": height}
        page = page_without_errors(expected="40[14]", viewport=viewport)
        page.add_init_script(f"localStorage.setItem('lookalike-theme', '{scheme}')")

        def shown(name: str, page: Any = page, width: int = width) -> None:
            page.wait_for_timeout(300)
            page.screenshot(path=artefacts / f"{name}-{width}-{scheme}.png")
            assert page.evaluate("document.documentElement.scrollWidth") <= width

        page.goto(address)
        page.get_by_test_id("sign-in").wait_for()
        shown("sign-in")
        page.goto(f"{address}session/callback?state=forged&code=forged#/labels")
        told = page.get_by_test_id("sign-in-failed")
        told.wait_for()
        assert "Try again" in told.inner_text()
        assert "sign-in=" not in page.url
        page.wait_for_function("() => document.activeElement.dataset.testid === 'sign-in'")
        shown("failed")
        page.reload()
        page.get_by_test_id("sign-in").wait_for()
        assert page.get_by_test_id("sign-in-failed").count() == 0
        page.get_by_test_id("sign-in").click()
        page.get_by_test_id("sign-out").wait_for()
        shown("signed-in")
        page.get_by_test_id("sign-out").click()
        page.get_by_test_id("sign-in").wait_for()
        shown("signed-out")


def test_a_session_that_the_provider_ended_asks_to_sign_in_again(
    people: tuple[str, Issuer], page_without_errors: MakePage
) -> None:
    address, issuer = people
    page = page_without_errors(expected="40[14]")
    page.goto(address)
    page.get_by_test_id("sign-in").click()
    page.get_by_test_id("about").wait_for()
    issuer.end_everything()
    # The first question after that; one on its way may have been refused already, and the dialog then covers the rest.
    page.get_by_test_id("nav-gallery").dispatch_event("click")
    page.get_by_test_id("sign-in").wait_for()
