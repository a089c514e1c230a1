/** Deutsch. */
import type { Messages } from "./en";

export const de: Messages = {
  frame: {
    switchTo: "English",
    galleries: "Galerien",
    allGalleries: "Alle Galerien",
    records: (count) => `${count.toLocaleString("de")} ${count === 1 ? "Eintrag" : "Einträge"}`,
    undo: "Zurück",
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
      adapt: "Anpassen",
      evaluate: "Auswerten",
      gallery: "Galerie",
    },
    gone: "Der Server antwortet nicht. Ihre Anfrage bleibt erhalten; neuer Versuch …",
    dropToAdd: "Ablegen, um es der Galerie hinzuzufügen",
    dropToSearch: "Ablegen, um damit zu suchen",
    keys: {
      search: "suchen",
      move: "bewegen",
      compare: "vergleichen",
      steer: "ähnlicher, unähnlicher",
      undo: "zurück",
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
};
