/** Deutsch: die kleine Seite, die ein Viewer neben einer Untersuchung öffnet. */
import type { Messages } from "../en";

export const panel: Messages["panel"] = {
  title: "Ähnliche Untersuchungen",
  noStudy: "Die Adresse nennt keine Untersuchung: ergänzen Sie ?StudyInstanceUIDs=UID",
  researchOnly: "Nur für die Forschung, nicht zur Diagnose",
  looking: "Wird gesucht …",
  open: "Die offene Untersuchung",
  asked: { study: "als Ganzes verglichen", series: "nach dieser Serie", instance: "nach diesem Bild" },
  none: "Keine andere Untersuchung antwortet.",
  name: (rank, labels) => `Nummer ${rank}, ${labels}`,
  cosine: "Kosinus der beiden; 1 ist dasselbe Bild",
  openBeside: "Daneben öffnen",
  openIt: "Öffnen",
  signIn: "In einem eigenen Fenster anmelden",
  goOn: "Danach weiter",
  keyRefused: "Dieser Schlüssel wurde nicht angenommen; ein anderer:",
  key: "Der Schlüssel dieser Galerie, nur in diesem Tab behalten:",
  useKey: "Diesen Schlüssel verwenden",
};
