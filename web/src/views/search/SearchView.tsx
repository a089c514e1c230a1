import { asking, route } from "../../state";
import { CompareView } from "../compare/CompareView";
import { AskingPanel } from "./Asking";
import { EvidencePanel } from "./Evidence";
import { Hits } from "./Hits";

export function SearchView() {
  const { compare } = route.value;
  return (
    <>
      <div class="search" inert={compare !== null}>
        <AskingPanel />
        <main id="main" tabIndex={-1}>
          <Hits />
        </main>
        <EvidencePanel />
      </div>
      {compare && <CompareView key={JSON.stringify(asking.value.asked)} id={compare} />}
    </>
  );
}
