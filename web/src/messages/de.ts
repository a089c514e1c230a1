/** Deutsch. */
import { adapt, jobs } from "./de/adapt";
import { audits } from "./de/audits";
import { common } from "./de/common";
import { compare } from "./de/compare";
import { curation } from "./de/curation";
import { evaluate } from "./de/evaluate";
import { evidence, help } from "./de/help";
import { cohorts, holdings, merging, operation } from "./de/holdings";
import { labels } from "./de/labels";
import { panel } from "./de/panel";
import { readings } from "./de/readings";
import { reasons } from "./de/reasons";
import { search } from "./de/search";
import type { Messages } from "./en";

export const de: Messages = {
  common,
  help,
  evidence,
  search,
  compare,
  readings,
  reasons,
  labels,
  adapt,
  jobs,
  evaluate,
  holdings,
  audits,
  cohorts,
  operation,
  merging,
  curation,
  panel,
  frame: {
    switchTo: "English",
    galleries: "Galerien",
    allGalleries: "Alle Galerien",
    records: (count) => `${count.toLocaleString("de")} ${count === 1 ? "Eintrag" : "Einträge"}`,
    undo: "Rückgängig",
    undoTitle: "Rückgängig (u)",
    undoLabels: "Letzte Änderung von Labels rückgängig machen (u)",
    copyLink: "Link kopieren",
    linkToSentCopied:
      "Link kopiert. Solange der Server das Gesendete behält, stellt er die ganze Anfrage wieder her; danach, sobald dieselbe Datei wieder abgelegt wird.",
    linkCopied: "Link kopiert. Er stellt die ganze Anfrage wieder her.",
    exportEvidence: "Belege exportieren",
    help: "Tasten und Hilfe",
    helpTitle: "Tasten (?)",
    light: "Helle Farben verwenden",
    dark: "Dunkle Farben verwenden",
    addImages: "Bilder hinzufügen",
    signOut: (name) => `${name} abmelden`,
    signOutTitle: (name, role) => `${name} (${role ?? "keine Rolle"}): abmelden`,
    views: "Ansichten",
    view: {
      search: "Suche",
      map: "Karte",
      labels: "Labels",
      readings: "Befunden",
      adapt: "Anpassen",
      evaluate: "Auswerten",
      gallery: "Galerie",
    },
    gone: "Der Server antwortet nicht. Ihre Anfrage bleibt erhalten; neuer Versuch …",
    dropToAdd: "Ablegen, um es der Galerie hinzuzufügen",
    dropToSearch: "Ablegen, um damit zu suchen",
    stages: { open: "öffnen", read: "lesen", encode: "kodieren", project: "projizieren", filter: "filtern", search: "suchen", fetch: "holen", background: "Hintergrund" },
    keys: {
      search: "suchen",
      move: "bewegen",
      compare: "vergleichen",
      steer: "ähnlicher, unähnlicher",
      undo: "rückgängig",
      all: "alle Tasten",
    },
    disclaimer: "Forschungssoftware. Kein Medizinprodukt.",
  },
  front: {
    none: "Keine, die Sie sehen dürfen.",
    linked: "Verknüpft: Treffer führen in das PACS",
    anonymous: "Anonym: keine UID, kein Name und kein Datum wird behalten",
    notOpen: "nicht offen",
    triedAgain: "Es wird von selbst wieder versucht.",
    noGallery: "Hier ist noch keine Galerie",
    whatItIs: "Eine Galerie ist ein Ordner, den lookalike füllt. Auf dem Rechner dieses Dienstes:",
    opensItself: "Diese Seite öffnet sie von selbst, sobald sie da ist.",
    configured:
      "Mehrere Galerien, und was ein Dienst sonst braucht, stehen in lookalike.toml: lookalike config check.",
    copied: "Kopiert.",
    copy: "Kopieren",
    copyOf: (command) => `Kopieren: ${command}`,
  },
  confusion: {
    title: "Verwechslungen",
    nearest: "Zeilen: was die Anfrage trägt. Spalten: was der ähnlichste Eintrag trägt, von anderen Patienten und anderen Teilen. Ein Druck auf eine Zahl zeigt ihre Anfragen.",
    none: "Für Einträge mit mehreren Labels gibt es keine Verwechslungstafel.",
    classify: "Einen Klassifikator antworten lassen",
    classifier: (method: string, accuracy: string, [low = "–", high = "–"]: string[], folds: number): string =>
      `Zeilen: was die Anfrage trägt. Spalten: was ${
        { knn: "die Stimmen der Nachbarn sagen", adapter: "der Adapter sagt" }[method] ?? `${method} sagt`
      }. Genauigkeit ${accuracy} % (${low} bis ${high}), ${folds} Teile nach Patienten.`,
    cell: (label: string, answer: string): string =>
      label === answer ? `${label}, richtig erkannt` : `${label}, für ${answer} gehalten`,
    listed: (listed: number, count: number): string =>
      listed === count ? `${count}` : `${listed} von ${count} sind aufgeführt`,
    press: (label: string, answer: string, count: number): string =>
      `${label} für ${answer} gehalten: ${count}. Zeigen`,
  },
  signIn: {
    refused: "Die Anmeldung ist nicht gelungen. Versuchen Sie es noch einmal; gelingt es wieder nicht, fragen Sie Ihren Administrator.",
    unavailable:
      "Der Identitätsanbieter antwortet nicht. Versuchen Sie es in einer Minute wieder; sonst fragen Sie Ihren Administrator.",
    title: "Melden Sie sich an, um diese Galerie zu sehen",
    needsKey: "Diese Galerie braucht einen Schlüssel",
    signIn: "Anmelden",
    orKey: "Oder mit einem Schlüssel:",
    askForKey:
      "Fragen Sie den Administrator danach. Der Schlüssel bleibt in diesem Tab und wird vergessen, wenn er geschlossen wird.",
    keyRefused: "Dieser Schlüssel wurde nicht angenommen.",
    key: "Schlüssel",
    useKey: "Diesen Schlüssel verwenden",
  },
  map: {
    kind: "Art der Karte",
    space: "Raum",
    colouredBy: "gefärbt nach",
    byGroup: "Gruppe auf der Karte",
    byError: "Fehler des Raums",
    names: "Namen",
    pictures: "Bilder",
    aside: "Legende und Auswahl",
    plot: (count: number): string =>
      `Karte von ${count.toLocaleString("de")} Einträgen. Ein Lasso um Punkte ziehen; Pfeile verschieben, Plus und Minus vergrößern und verkleinern, 0 zeigt alles; Strg und A nimmt alle, Escape keine`,
    query: "Anfrage",
    noWebGL: "Dieser Browser kann kein WebGL; die Karte braucht es.",
    noLabel: "kein Label",
    none: "keine Angabe",
    others: (count: number): string => `${count.toLocaleString("de")} andere, oder keine Angabe`,
    scale: (low: number, high: number): string => `Von ${low} bis ${high}`,
    find: "In der Legende suchen",
    noSuchValue: "Kein Wert enthält das im Namen.",
    group: (number: number): string => `Gruppe ${number}`,
    groups: "Gruppen",
    unnamed: "nichts sticht hervor",
    ofGroup: (records: number, patients: number): string =>
      `${records.toLocaleString("de")} ${records === 1 ? "Eintrag" : "Einträge"} von ${patients.toLocaleString("de")} ${patients === 1 ? "Person" : "Personen"}`,
    trait: (name: string, share: number, elsewhere: number, patients: number): string =>
      `${name}: ${Math.round(100 * share)} % hier (${patients.toLocaleString("de")}), ${Math.round(100 * elsewhere)} % anderswo`,
    groupsNote:
      "Benannt nach dem, was die meisten Personen einer Gruppe haben, anderswo wenige, und was der Zufall nicht erklärt. Gezählt werden Personen, jede einmal.",
    comparing: "Jeder Eintrag mit Label wird mit seinen Nachbarn verglichen. Das dauert Sekunden bis Minuten …",
    errorNote:
      "Der Anteil der Stimmen der ähnlichsten Einträge anderer Personen, der nicht auf das Label entfällt: 0 alle stimmen zu, 1 keiner.",
    sampled: (count: number): string =>
      `Von so vielen Einträgen wurden ${count.toLocaleString("de")} miteinander verglichen, die zufällig gezogener Personen; die anderen sind grau und liegen dahinter. Mit weniger Vergleichen fallen Fehler eher höher aus.`,
    distances: "Abstände auf einer Karte sind zum Ansehen da, nicht zum Messen: Es zählt die Suche.",
    notMade: "Noch keine Karte dieses Raums",
    drawnOnce: "Sie wird einmal gezeichnet, auf dem Server, und behalten, bis Einträge kommen oder gehen.",
    draw: "Karte zeichnen",
    drawing: "Die Karte wird gezeichnet…",
    hint: "Um Punkte ziehen zeigt ihre Einträge. Das Rad vergrößert, Umschalt und Ziehen verschiebt.",
    selection: "Auswahl",
    searchWith: (): string => "Damit suchen",
    label: "Labeln",
    tooMany: (most: number): string =>
      `Bis zu ${most.toLocaleString("de")} Einträge werden auf einmal gelabelt oder gespeichert.`,
    searchRecord: (labels: string): string => `Suchen mit ${labels || "diesem Eintrag"}`,
    firstShown: (count: number): string => `Gezeigt werden die ersten ${count}.`,
    savedFrom: (count: number): string =>
      `${count.toLocaleString("de")} ${count === 1 ? "Eintrag" : "Einträge"} der Karte.`,
  },
  gallery: {
    show: "Zeigen",
    pages: {
      records: "Einträge",
      duplicates: "Kopien",
      outliers: "Ausreißer",
      quality: "Qualität",
      metadata: "Werte",
      cohorts: "Kohorten",
      refused: "abgelehnt",
      jobs: "Aufträge",
      operation: "Betrieb",
    },
  },
  records: {
    find: "Dateiname oder Label",
    findLabel: "Einträge finden",
    order: "Reihenfolge",
    orders: {
      indexed: "zuerst indizierte",
      "-indexed": "zuletzt indizierte",
      source: "Datei",
      label: "Label",
      patient: "Patient",
    },
    down: "andersherum",
    selected: (count) => `${count.toLocaleString("de")} ausgewählt`,
    all: "Alle gezeigten auswählen",
    none: "Keine auswählen",
    remove: "Entfernen …",
    label: "Labels geben",
    keys: "Leertaste wählt aus, mit Umschalt einen Bereich; auf und ab bewegen, mit Umschalt wählen sie aus.",
    choose: (file) => `${file} auswählen`,
    searchWith: (file) => `Mit ${file} suchen`,
    delete: (file) => `${file} löschen`,
    file: "Datei",
    labels: "Labels",
    about: "Angaben",
    patient: "Patient",
    slices: (count) => `${count} Schichten`,
    nothing: "Hier ist kein Eintrag.",
    more: "Mehr zeigen",
  },
  removal: {
    title: (count) => (count === 1 ? "Den Eintrag entfernen" : `${count.toLocaleString("de")} Einträge entfernen`),
    goes: (count) =>
      `Es gehen: ${count === 1 ? "der Eintrag" : `${count.toLocaleString("de")} Einträge`} mit Labels, Attributen, Vektoren in jedem Raum, Bildteilen, Vorschaubildern, Entscheidungen, Karten und Kopien von Gesendetem.`,
    stays:
      "Es bleiben: Dateien außerhalb der Galerie und was Adapter schon gelernt haben; trainieren Sie diese neu, um sicher zu sein.",
    noUndo: "Das lässt sich nicht rückgängig machen.",
    keep: "Behalten",
    remove: (count) => (count === 1 ? "Entfernen" : `Alle ${count.toLocaleString("de")} entfernen`),
    removed: (count) => `${count.toLocaleString("de")} ${count === 1 ? "Eintrag ist" : "Einträge sind"} überall entfernt.`,
  },
  refused: {
    none: "Keine Datei wurde abgelehnt.",
    files: (count) => `${count.toLocaleString("de")} ${count === 1 ? "Datei" : "Dateien"}`,
    other: "aus anderen Gründen",
    more: "Mehr zeigen",
  },
};
