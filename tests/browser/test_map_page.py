"""The map's page in a real browser: what it shows, what it does, and what it never does."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import PIL.Image
import pytest

from conftest import texture
from lookalike.gallery import Gallery, open_gallery
from lookalike.pixels import thumbnail
from lookalike.plots import save_map
from lookalike.sources.collections.catalogue import open_dataset
from lookalike.store import Batch, NewRecord
from lookalike.verbs.index import index
from lookalike.verbs.map import map_gallery

if TYPE_CHECKING:
    from playwright.sync_api import Page

MakePage = Callable[..., Any]
OF_EACH_CLASS = 50
HOSTILE = (
    "</script><script>window.ran=1</script>",
    "<img src=x onerror='window.ran=2'>",
    "{{script}}",
    "<!--<script>",
    "\u2028\u2029'\"`${window.ran=3}&lt;",
    "__proto__",
)


@dataclass
class Map:
    """An opened page with the data that it was made of."""

    page: Page
    data: dict[str, Any]

    def place(self, i: int) -> tuple[float, float]:
        """Where record i is drawn, in pixels of the window."""
        scale, left, top = self.view()
        box = self.page.locator("#map").bounding_box()
        assert box
        border = 1
        return (
            box["x"] + border + left + self.data["x"][i] * scale,
            box["y"] + border + top + (1 - self.data["y"][i]) * scale,
        )

    def view(self) -> tuple[float, float, float]:
        self.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        scale, left, top = map(float, str(self.page.get_attribute("#map", "data-view")).split())
        return scale, left, top

    def pixels(self) -> np.ndarray:
        self.view()
        shot = self.page.locator("#map").screenshot()
        return np.asarray(PIL.Image.open(io.BytesIO(shot)).convert("RGB"), int)

    def color(self, i: int) -> tuple[int, ...]:
        """What is seen in the middle of record i."""
        box = self.page.locator("#map").bounding_box()
        assert box
        x, y = self.place(i)
        return tuple(int(v) for v in self.pixels()[round(y - box["y"]), round(x - box["x"])])

    def alone(self, label: str) -> int:
        """The record of a label that stands farthest from any other."""
        places = np.array([self.data["x"], self.data["y"]]).T
        gaps = np.linalg.norm(places[:, None] - places[None], axis=2) + np.eye(len(places)) * 9
        codes, categories = np.array(self.data["fields"][0]["codes"]), self.data["fields"][0]["categories"]
        return int(np.argmax(np.where(codes == categories.index(label), gaps.min(axis=1), -1)))

    def point_at(self, i: int) -> None:
        self.page.mouse.move(1, 1)
        self.page.mouse.move(*self.place(i))

    @property
    def count(self) -> str:
        return self.page.locator("#count").inner_text()


def opened(page: Page, path: Path) -> Map:
    page.goto(path.as_uri())
    data = json.loads(page.locator("#data").inner_text())
    shown = Map(page, data)
    shown.view()
    return shown


@pytest.fixture(scope="module")
def mednist(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gallery, Path]]:
    """A gallery of 50 real pictures of each of six classes, and the page of its map."""
    dataset, seen, items = open_dataset(f"mednist={shared_data / 'mednist'}"), {}, []
    for item in dataset.pictures:
        seen[item.labels] = seen.get(item.labels, 0) + 1
        if seen[item.labels] <= OF_EACH_CLASS:
            items.append(item)
    folder = tmp_path_factory.mktemp("maps")
    with open_gallery(folder / "mednist", create=True) as gallery:
        index(gallery, [replace(dataset, pictures=tuple(items))])
        yield gallery, save_map(gallery, map_gallery(gallery, method="tsne"), folder / "map.html")


def test_the_page_asks_nobody_for_anything(
    mednist: tuple[Gallery, Path], page_without_errors: MakePage, artefacts: Path
) -> None:
    page = page_without_errors()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    shown = opened(page, mednist[1])
    assert len(shown.data["ids"]) == 6 * OF_EACH_CLASS
    shown.point_at(shown.alone("Hand"))
    page.locator("#card img").wait_for()
    page.screenshot(path=artefacts / "map.png")
    assert [url for url in asked if not url.startswith("data:")] == [mednist[1].as_uri()]
    assert "not a medical device" in page.locator("footer").inner_text()
    assert "not on medical images" in page.locator("footer").inner_text(), "the encoder's note"
    assert mednist[1].stat().st_size < 1_500_000


def test_the_page_could_not_ask_if_it_wanted_to(mednist: tuple[Gallery, Path], page_without_errors: MakePage) -> None:
    """The policy in its head holds against any script that somebody would get into it."""
    page = page_without_errors(expected="Content Security Policy")
    opened(page, mednist[1])
    page.evaluate("""() => {
        window.refused = [];
        document.addEventListener("securitypolicyviolation", event => refused.push(event.effectiveDirective));
        fetch("https://example.org/").catch(() => null);
        document.body.append(Object.assign(document.createElement("img"), { src: "https://example.org/a.png" }));
        document.body.append(Object.assign(document.createElement("script"), { textContent: "window.ran = 1" }));
    }""")
    page.wait_for_function("() => refused.length === 3")
    assert sorted(page.evaluate("refused")) == ["connect-src", "img-src", "script-src-elem"]
    assert page.evaluate("typeof window.ran") == "undefined"


def test_pointing_at_a_record_shows_its_own_picture_and_label(
    mednist: tuple[Gallery, Path], page_without_errors: MakePage
) -> None:
    gallery, path = mednist
    shown = opened(page_without_errors(), path)
    records = {record.id: record for record in gallery.store.records().values()}
    sources = [grey(Path(records[identity].source).read_bytes()) for identity in shown.data["ids"]]
    for label in ("AbdomenCT", "BreastMRI", "CXR", "ChestCT", "Hand", "HeadCT"):
        i = shown.alone(label)
        shown.point_at(i)
        card = shown.page.locator("#card")
        assert card.locator("b").inner_text() == label == records[shown.data["ids"][i]].labels[0]
        assert shown.data["ids"][i] in card.inner_text()
        seen = grey(base64.b64decode(str(card.locator("img").get_attribute("src")).partition(",")[2]))
        alike = [np.corrcoef(seen, source)[0, 1] for source in sources]
        assert int(np.argmax(alike)) == i
        assert card.locator("img").evaluate("img => img.decode().then(() => img.naturalWidth)") == 64
    shown.page.mouse.move(1, 1)
    assert not card.is_visible()


def grey(jpeg: bytes) -> np.ndarray:
    with PIL.Image.open(io.BytesIO(jpeg)) as picture:
        return np.asarray(picture.convert("L").resize((64, 64)), float).ravel()


def test_colouring_by_another_field(mednist: tuple[Gallery, Path], page_without_errors: MakePage) -> None:
    shown = opened(page_without_errors(), mednist[1])
    abdomen, chest, hand = (shown.alone(label) for label in ("AbdomenCT", "ChestCT", "Hand"))
    before, colors = shown.pixels(), [shown.color(i) for i in (abdomen, chest, hand)]
    assert len(set(colors)) == 3
    shown.page.select_option("#color", label="modality")
    assert (shown.pixels() != before).any(axis=2).sum() > 1000
    ct, also_ct, x_ray = (shown.color(i) for i in (abdomen, chest, hand))
    assert ct == also_ct != x_ray
    assert shown.page.locator("#legend span").all_inner_texts() == ["CT", "X-ray", "MR"]
    assert shown.page.locator("#legend small").all_inner_texts() == ["150", "100", "50"]


def test_the_wheel_zooms_about_the_pointer_and_dragging_moves(
    mednist: tuple[Gallery, Path], page_without_errors: MakePage
) -> None:
    shown = opened(page_without_errors(), mednist[1])
    i, (scale, left, top) = shown.alone("CXR"), shown.view()
    place = shown.place(i)
    shown.page.mouse.move(*place)
    shown.page.mouse.wheel(0, -600)
    assert shown.view()[0] > 2 * scale
    assert shown.place(i) == pytest.approx(place, abs=1.5)
    shown.page.mouse.wheel(0, 600)
    assert shown.view()[0] == pytest.approx(scale, rel=1e-6)

    shown.page.mouse.down()
    shown.page.mouse.move(place[0] + 40, place[1] + 25, steps=4)
    shown.page.mouse.up()
    assert shown.place(i) == pytest.approx((place[0] + 40, place[1] + 25), abs=1.5)
    shown.page.click("#all")
    assert shown.view() == (scale, left, top)


def test_the_legend_isolates_and_the_search_finds(mednist: tuple[Gallery, Path], page_without_errors: MakePage) -> None:
    shown = opened(page_without_errors(), mednist[1])
    hand, head = shown.alone("Hand"), shown.alone("HeadCT")
    colors = shown.color(hand), shown.color(head)
    button = shown.page.locator("#legend button", has_text="Hand")
    button.click()
    assert (button.get_attribute("aria-pressed"), shown.count) == ("true", "50 of 300 records shown")
    assert shown.color(hand) == colors[0]
    assert sum(shown.color(head)) > sum(colors[1]) + 150, "the others fade"
    shown.point_at(head)
    assert not shown.page.locator("#card").is_visible()
    button.click()
    assert shown.count == "300 of 300 records shown"
    shown.page.fill("#find", "ct")
    assert shown.count == "150 of 300 records shown"
    shown.page.fill("#find", "no such label")
    assert shown.count == "0 of 300 records shown"


def test_everything_can_be_done_with_the_keyboard(mednist: tuple[Gallery, Path], page_without_errors: MakePage) -> None:
    shown = opened(page_without_errors(), mednist[1])
    page, scale = shown.page, shown.view()[0]
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "map"
    page.keyboard.press("n")
    card, first = page.locator("#card"), shown.data["ids"][0]
    assert first in card.inner_text()
    page.keyboard.press("n")
    assert shown.data["ids"][1] in card.inner_text()
    page.keyboard.press("p")
    assert first in card.inner_text()
    page.keyboard.press("+")
    assert shown.view()[0] > scale
    left = shown.view()[1]
    page.keyboard.press("ArrowLeft")
    assert shown.view()[1] == left + 60
    page.keyboard.press("0")
    assert shown.view()[0] == scale
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    assert page.locator("#legend span").first.inner_text() == "Chest", "the select has the next field, anatomy"
    for _ in range(2):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert shown.count == "100 of 300 records shown"


def test_the_dark_scheme_and_a_narrow_window(
    mednist: tuple[Gallery, Path], page_without_errors: MakePage, artefacts: Path
) -> None:
    light = opened(page_without_errors(), mednist[1]).pixels()
    dark = opened(page_without_errors(color_scheme="dark"), mednist[1])
    assert np.median(light) > 240
    assert np.median(dark.pixels()) < 60
    dark.page.keyboard.press("Tab")
    dark.page.keyboard.press("n")
    dark.page.screenshot(path=artefacts / "map-dark.png")
    narrow = opened(page_without_errors(viewport={"width": 420, "height": 800}), mednist[1])
    assert narrow.page.evaluate("document.documentElement.scrollWidth") <= 420
    narrow.page.screenshot(path=artefacts / "map-narrow.png")


@pytest.fixture
def hostile(make_gallery: Callable[..., Gallery], tmp_path: Path) -> Path:
    """A map of records whose every text is out to run something."""
    gallery = make_gallery("<b onclick=ran=4>& {{data}}")
    rows = []
    for i in range(24):
        vector = np.random.default_rng(i).standard_normal((1, gallery.spec.dim)).astype(np.float32)
        vector /= np.linalg.norm(vector)
        text = HOSTILE[i % len(HOSTILE)]
        facts = {text: text, "PatientAge": float(i), "site": f"site {i}"}
        small = thumbnail(PIL.Image.fromarray(texture(i)))
        rows.append(NewRecord(f"/{text}/{i}", f"{i:064x}", 0, "", (text,) if i % 6 else (), facts, vector, small))
    gallery.store.write(Batch(records=rows))
    return save_map(gallery, map_gallery(gallery, method="tsne"), tmp_path / "hostile.html")


def test_hostile_texts_are_shown_and_run_nothing(hostile: Path, page_without_errors: MakePage, artefacts: Path) -> None:
    shown = opened(page_without_errors(), hostile)
    page = shown.page
    # Its text is hidden in markup that is no markup: the page holds the elements it was written with.
    assert page.locator("script").count() == 2
    assert page.locator("h1").inner_text() == "t-SNE map of <b onclick=ran=4>& {{data}}"
    assert page.locator("h1 *").count() == 0
    options = page.locator("#color option").all_text_contents()
    assert set(HOSTILE) < set(options)
    for i in range(len(options)):
        page.select_option("#color", index=i)
        if options[i] in HOSTILE:
            assert options[i] in [str(t) for t in page.locator("#legend span").all_text_contents()]
        for button in page.locator("#legend button").all():
            button.click()
    page.select_option("#color", label="label")
    for i in range(1, 7):
        shown.point_at(i)
        assert page.locator("#card").is_visible()
        assert page.locator("#card img").count() == 1
        assert page.locator("#card script").count() == 0
    page.fill("#find", HOSTILE[1].upper())
    assert shown.count == "4 of 24 records shown"
    page.fill("#find", "")
    shown.point_at(1)
    assert page.locator("#card b").inner_text().strip() == HOSTILE[1]
    page.screenshot(path=artefacts / "map-hostile.png")
    assert page.evaluate("typeof window.ran") == "undefined"


def test_numbers_have_a_scale_and_many_values_share_a_colour(hostile: Path, page_without_errors: MakePage) -> None:
    shown = opened(page_without_errors(), hostile)
    page = shown.page
    page.select_option("#color", label="PatientAge")
    assert page.locator(".ends span").all_inner_texts() == ["0", "23"]
    ages = next(field for field in shown.data["fields"] if field["name"] == "PatientAge")["values"]
    dark, bright = shown.color(ages.index(0.0)), shown.color(ages.index(23.0))
    assert np.abs(np.array(dark) - (0x44, 0x01, 0x54)).max() < 40
    assert np.abs(np.array(bright) - (0xFD, 0xE7, 0x25)).max() < 40
    page.select_option("#color", label="site")
    names = page.locator("#legend span").all_inner_texts()
    assert len(names) == 13
    assert names[-1] == "12 others"
    page.locator("#legend button").last.click()
    assert shown.count == "12 of 24 records shown"


def test_an_empty_map_opens_too(
    make_gallery: Callable[..., Gallery], tmp_path: Path, page_without_errors: MakePage
) -> None:
    gallery = make_gallery()
    path = save_map(gallery, map_gallery(gallery, method="tsne"), tmp_path / "map.html")
    assert opened(page_without_errors(), path).count == "0 of 0 records shown"
