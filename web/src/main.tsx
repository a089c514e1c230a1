import { render } from "preact";
import "@preact/signals";
import "./style/base.css";
import "./style/shell.css";
import "./style/search.css";
import "./style/tools.css";
import { App } from "./App";
import { listenToKeys } from "./keyboard";
import { refresh, searchOnChange } from "./search";
import { loadSession } from "./session";
import { keepTrying, loadGallery } from "./state";

render(<App />, document.getElementById("page")!);
listenToKeys();
keepTrying(() => void refresh());
void loadSession();
void loadGallery().then(searchOnChange);
