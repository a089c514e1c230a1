/** Deutsch: eigene Merkmalsräume, ihr Training, und die Abstimmung des Encoders. */
import type { Verdict } from "../../views/adapt/inner";
import { counting } from "../counting";
import type { Messages } from "../en";

const counted = counting("de");

const VERDICTS: Record<Verdict, (space: string) => string> = {
  better: (space) => `ist der Raum „${space}“ sicher besser als base.`,
  worse: (space) => `ist der Raum „${space}“ schlechter als base: Suchen Sie in base.`,
  chance: (space) => `ist der Raum „${space}“ nicht besser als der Zufall: Suchen Sie in base.`,
  unsure: (space) => `liegt p über 0,05, also wird der Raum „${space}“ nicht vorgewählt: Suchen Sie in base, oder labeln Sie mehr.`,
  zero: (space) => `enthält das Intervall des Gewinns die Null, also wird der Raum „${space}“ nicht vorgewählt: Suchen Sie in base, oder labeln Sie mehr.`,
};

export const adapt: Messages["adapt"] = {
  train: "Einen Adapter trainieren",
  what: "Er lernt, Einträge zusammenzubringen, von denen das Feld dasselbe sagt. Der Encoder selbst bleibt, wie er ist.",
  alike: "Was zwei Bilder ähnlich macht",
  learnFrom: "Labels, aus denen gelernt wird",
  noLabels: "Noch trägt kein Eintrag ein Label.",
  labelSome: "Einige labeln",
  name: "Name des neuen Raums",
  nameRule: "Buchstaben, Ziffern, - und _; höchstens 64; nicht „base“.",
  nameTaken: "Es gibt einen Raum dieses Namens: Sie werden gefragt, bevor er ersetzt wird.",
  kind: "Art des Adapters",
  training: "Wird trainiert …",
  start: "Trainieren",
  noTrainer: "Dieser Schlüssel darf lesen; Training braucht den Schlüssel eines Mitarbeiters.",
  accepted: (name) => `Der Raum „${name}“ ist da. Suchen Sie darin, und werten Sie ihn aus, bevor Sie ihm trauen.`,
  notSurely: (name) =>
    `Der Raum „${name}“ ist da, auf den eigenen Einträgen nicht sicher besser als base: base bleibt gewählt.`,
  replace: (name) => `Den Raum „${name}“ ersetzen?`,
  replaceWhat:
    "Sein Adapter wird aus den heutigen Labels neu trainiert. Was darin zuvor gefunden oder gemessen wurde, lässt sich dann nicht mehr wiederholen. Ein anderer Name behält beide.",
  keepIt: "Behalten",
  replaceIt: "Ersetzen",
  spaces: "Merkmalsräume",
  deleteOf: (name) => `Den Raum ${name} löschen`,
  deleteAsk: (name) => `Den Raum „${name}“ löschen?`,
  deleteWhat:
    "Der Adapter und seine Vektoren werden gelöscht. Einträge, Labels und der Raum base bleiben; er kann wieder trainiert werden.",
  delete: "Raum löschen",
  switchNote: "Eine Suche in einem anderen Raum ordnet sofort neu; der Schalter steht links der Treffer.",
  base: (name) => `${name} (der des Encoders)`,
  otherEncoder: (name) => `${name} (aus Vektoren eines anderen Encoders: neu trainieren)`,
  unsure: ", nicht sicher besser als base",
  tune: "Den Encoder abstimmen",
  tuneWhat:
    "Sein eigenes Netz lernt aus den Bildern der Galerie, das dauert Minuten bis Stunden. Ein Viertel der gelabelten Einträge, ganze Patienten, bleibt unberührt und urteilt einmal, am Ende.",
  encoderName: "Name des neuen Encoders",
  learnsFrom: "Woraus er lernt",
  method: { labels: "Labels", views: "Ansichten" },
  methodTitle: {
    labels: "lernt aus Labels: Einträge eines Labels werden zusammengezogen",
    views: "lernt ohne Labels: zwei Ansichten jedes Bildes werden zusammengezogen; Labels urteilen nur",
  },
  methodNote: (what) => `Er ${what}.`,
  tuning: "Wird abgestimmt …",
  startTuning: "Abstimmen",
  noCurve: (kind) =>
    `Keine Kurve: die Art ${kind} wird in einem Schritt angepasst, oder eine frühere Version hat ihn trainiert.`,
  space: (name) => `Raum „${name}“`,
  searchIn: "Darin suchen",
  evaluate: "Auswerten",
  tuned: (encoder, base, records, patients, epochs, seconds) =>
    `Encoder „${encoder}“, abgestimmt aus ${base} · ${counted(records, "Eintrag", "Einträge")} · ` +
    `${counted(patients, "Patient", "Patienten")} · ${counted(epochs, "Epoche", "Epochen")} · ${seconds} s`,
  tunedAccepted:
    "Angenommen und behalten: auf dem unberührten Teil ist er besser als base. Eine Galerie dieses Encoders entsteht mit lookalike index --encoder oder gallery migrate.",
  tunedRefused:
    "Nicht angenommen, nichts wurde behalten: der Gewinn an P@5 auf dem unberührten Teil kann Zufall sein. Base, oder ein Adapter darauf, leistet dasselbe.",
  judged: (records) => `Auf ${records} unberührten Einträgen: Makro-P@5, einmal beurteilt, am Ende`,
  gainOverBase: "Gewinn gegenüber base, Punkte",
  gain: "Gewinn, Punkte",
  gained: (value, low, high, p) => `${value} (${low} bis ${high}), p ${p}`,
  inner: (folds, records) => `Auf ${folds} inneren Teilen von ${records} Einträgen: Makro-P@5, %`,
  verdict: (said, space, verdict) => {
    const narrow = /likely too narrow/.test(said) ? " Intervalle von so wenigen Patienten sind wahrscheinlich zu schmal." : "";
    return `Auf ausgelassenen Patienten ${VERDICTS[verdict](space)}${narrow}`;
  },
  head: "Wie gut der Adapter selbst Labels nennt, auf ausgelassenen Patienten; mit 95-%-Intervallen",
  heads: {
    auc: "AUC, ein Label gegen die übrigen",
    balanced_accuracy: "Ausgewogene Genauigkeit",
    precision: "Präzision, Mittel der Labels",
    recall: "Sensitivität, Mittel der Labels",
    f1: "F1, Mittel der Labels",
    ece: "Kalibrierungsfehler (ECE): 0 ist am besten",
    brier: "Brier-Wert, Summe über die Labels: 0 ist am besten",
  },
  tried: "Arten, auf ausgelassenen Patienten: Makro-P@5",
  chosen: "gewählt",
  behind: (points) => `${points} gegenüber der besten`,
  curve: { loss: "Verlust", accuracy: "Genauigkeit" },
  best: (best, step, now) => `beste ${best} bei Schritt ${step}, jetzt ${now}`,
  step: "Schritt",
};

export const jobs: Messages["jobs"] = {
  kind: {
    index: "Bilder werden hinzugefügt",
    adapt: "Training eines Adapters",
    tune: "Abstimmung des Encoders",
    duplicates: "Suche nach Dubletten",
    metadata: "Prüfung der Metadaten",
    outliers: "Prüfung auf Ausreißer",
    quality: "Prüfung der Qualität",
    drift: "Prüfung auf Drift",
    migrate: "Wechsel des Encoders",
    merge: "Zusammenführen von Galerien",
    evaluate: "Auswertung",
    map: "Karte wird gezeichnet",
    audit: "Prüfung auf Störgrößen",
    export: "Export einer Kohorte",
    split: "Aufteilung einer Kohorte",
    pull: "Abruf aus dem PACS",
    backup: "Sicherung",
    verify: "Prüfung einer Sicherung",
    remind: "Blick auf das Trainierte",
  },
  state: {
    queued: "wartet",
    running: "läuft",
    done: "fertig",
    failed: "gescheitert",
    cancelled: "abgebrochen",
  },
  share: (percent) => `${percent} % fertig`,
  lessThanSecond: "weniger als eine Sekunde",
  asked: (when, by) => `angefordert ${when}${by ? ` von ${by}` : ""}`,
  waited: (time) => `wartete ${time}`,
  took: (time) => `dauerte ${time}`,
  queued: "wartet, bis es an der Reihe ist",
  atWork: (time) => `seit ${time} in Arbeit`,
  of: (done, total) => `${done} von ${total}`,
  rate: (rate) => `${rate} pro Sekunde`,
  finishing: "wird abgeschlossen",
  left: (time) => `noch ${time}`,
};
