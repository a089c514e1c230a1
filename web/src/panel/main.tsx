/** A small page that a viewer opens beside a study, or in a frame: the studies that look most like it. */
import { render } from "preact";
import "@preact/signals";
import "../style/base.css";
import "../style/panel.css";
import "../ui/theme";
import { askedIn } from "./asked";
import { Panel } from "./Panel";

render(<Panel asked={askedIn(location.search)} />, document.getElementById("page")!);
