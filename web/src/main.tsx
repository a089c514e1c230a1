import { render } from "preact";
import "@preact/signals";
import "./style/base.css";
import "./style/shell.css";
import "./style/search.css";
import "./style/tools.css";
import "./style/viewer.css";
import "./style/front.css";
import { computed, effect } from "@preact/signals";
import { App } from "./App";
import { galleries, isFront, loadGalleries } from "./galleries";
import { listenToKeys } from "./keyboard";
import { refresh, searchOnChange } from "./search";
import { keepRecent } from "./recent";
import { loadSession, session } from "./session";
import { keepTrying, loadGallery } from "./state";

/** Once the page is that of a gallery, from the start or since the first one has come. */
function begin(): void {
  listenToKeys();
  keepRecent(computed(() => (session.value?.known ? session.value.name : null)));
  void loadGallery().then(searchOnChange);
}

render(<App />, document.getElementById("page")!);
keepTrying(() => void refresh());
void loadSession();
void loadGalleries().then(() => {
  let begun = false;
  effect(() => {
    if (begun || (galleries.value && isFront.value)) return;
    begun = true;
    begin();
  });
});
