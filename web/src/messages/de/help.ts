/** Deutsch: die Tasten, und die Antwort zum Aufheben. */
import type { Messages } from "../en";

export const help: Messages["help"] = {
  title: "Tasten",
  inSearch: "in der Suche",
  inCompare: "im Vergleich",
  keys: {
    find: "suchen: schreiben, wonach",
    next: "nächster Treffer; im Vergleich das nächste Paar",
    before: "der Treffer davor",
    compare: "die Anfrage mit dem Treffer vergleichen, und zurück",
    more: "ähnlicher wie dieser Treffer",
    less: "unähnlicher als dieser Treffer",
    undo: "rückgängig; unter Labels die letzte Änderung der Labels",
    help: "diese Tasten",
  },
  viewer: {
    invert: "invertieren",
    turn: "nach rechts drehen",
    mirror: "links und rechts spiegeln",
    full: "ganzer Bildschirm",
    planes: "drei Ebenen eines Volumens, mit Fadenkreuz",
    length: "eine Länge messen",
    angle: "einen Winkel messen",
    box: "einen Rahmen zum Suchen zeichnen",
  },
  window: (name) => `CT-Fenster: ${name}`,
  others: [
    ["Esc", "schließt, was oben liegt: einen Dialog, den Vergleich, einen offenen Filter"],
    ["Tab", "zum nächsten Bedienelement; mit Umschalt zum vorigen"],
    ["← ↑ → ↓", "im Vergleich: Schichten und Fenster; beim Messen der Zeiger, und Enter setzt einen Punkt"],
    ["Enter", "auf dem Bild der Anfrage: einen Rahmen beginnen und damit suchen"],
    ["← ↑ → ↓", "auf dem Bild der Anfrage: den Rahmen bewegen; mit Umschalt seine Größe ändern"],
    ["Strg A", "auf der Karte: alle Punkte nehmen"],
    ["1 … 9", "unter Labels: der Auswahl, oder der Kachel mit dem Fokus, das Label dieser Nummer geben"],
    [
      "← ↑ → ↓",
      "unter Labels: zur nächsten Kachel; mit Umschalt unterwegs auswählen; Umschalt und Klick wählen einen Bereich",
    ],
  ],
  drop: "Bilder, Volumen oder den Ordner einer Serie irgendwo ablegen, um damit zu suchen; auf der Anfrage einen Rahmen zeichnen, um nach einem Ausschnitt zu suchen. Ein Doppelklick auf einen Treffer vergleicht ihn.",
};

export const evidence: Messages["evidence"] = {
  title: "Belege exportieren",
  what: "Die Anfrage und ihre Treffer mit Bildern, Werten, Perzentilen und Labels; die Filter, die Galerie, der Encoder, das Datum und die Version. Die Datei der Anfrage wird genannt: benennen Sie sie vorher um, wenn ihr Name etwas über einen Patienten sagt.",
  html: "Seite zum Drucken (HTML)",
  data: "Daten, mit den Stimmen der Nachbarn (JSON)",
  busy: "Wird noch einmal gefragt, mit Bildern …",
};
