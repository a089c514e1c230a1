/** Deutsch: die Sätze der Berichte von Auswertungen und der Prüfung auf Störgrößen. */
import { germanOf, numbers, type Sentences } from "./sentences";

const WHO: Record<string, string> = { patient: "Patient", record: "Eintrag" };
const NAMED = "benennen Sie sie: lookalike index SOURCES --labels TABLE.csv --patient-column NAME.";
const UNSAID = "ob Bilder eines Patienten auf beiden Seiten sind, lässt sich nicht sagen";

/** How queries and gallery were chosen. */
const SPLITS: Sentences = [
  [/^leave one (patient|record) out$/, (unit) => `jeweils ein ${WHO[unit!]} ausgelassen`],
  [/^(\d+) patient-disjoint folds, seed (\d+)$/, "$1 Teile mit getrennten Patienten, Startwert $2"],
  [/^(\d+) folds by record, seed (\d+)$/, "$1 Teile nach Einträgen, Startwert $2"],
  [/^official split, (\w+) asks train$/, "offizielle Aufteilung, $1 fragt train"],
  [/^(\d+) records of no or another split unused$/, "$1 Einträge ohne oder mit anderer Aufteilung unbenutzt"],
  [
    /^(\S+) was tuned on (\d+) of (\d+) queries or their patients: every score is flattered$/,
    "$1 hat aus $2 von $3 Anfragen oder ihren Patienten gelernt: jeder Wert ist geschönt",
  ],
  [
    /^(\S+) was tuned on (\d+) of (\d+) queries or their patients: not asked$/,
    "$1 hat aus $2 von $3 Anfragen oder ihren Patienten gelernt: sie wurden nicht gestellt",
  ],
];

/** What an encoder's note is made of. */
export const ENCODERS: Sentences = [
  [/^trained on photographs( \(\w+\))?, not on medical images$/, "an Fotos$1 trainiert, nicht an medizinischen Bildern"],
  [/^trained on unknown$/, "woran er trainiert wurde, ist nicht bekannt"],
  [/^trained on (.+)$/, "trainiert an $1"],
  [/^a perceptual similarity$/, "ein Maß wahrgenommener Ähnlichkeit"],
  [/^pooled features, not the 1000 logits$/, "gepoolte Merkmale, nicht die 1000 Logits"],
  [/^mean over space of the encoder's map$/, "räumliches Mittel der Karte des Encoders"],
  [/^segmentation of (?:ten|eleven) modalities$/, "aus der Segmentierung vieler Modalitäten"],
  [/^chest radiographs(?:, more of them than (\S+))?$/, (than) => `Röntgenbilder des Thorax${than ? `, mehr als ${than}` : ""}`],
  [/^(chest )?CT(?: without contrast)?$/, (chest) => (chest ? "CT des Thorax" : "CT")],
  [/^radiology, dermatology, ophthalmology, pathology$/, "Radiologie, Dermatologie, Augenheilkunde, Pathologie"],
  [/^figures and captions of PubMed Central$/, "Abbildungen und Unterschriften von PubMed Central"],
  [/^(for research, )?not for clinical (?:practice|use)$/, "für Forschung, nicht für die klinische Praxis"],
  [/^for research$/, "für Forschung"],
  [/^non-commercial$/, "nicht kommerziell"],
  [
    /^(\S+) tuned on (.+?): (\d+) records(?: of (\d+) patients)?, on ([\d-]+)$/,
    (base, on, records, patients, day) =>
      `${base}, nachtrainiert an ${on}: ${records} Einträge${patients ? ` von ${patients} Patienten` : ""}, am ${day}`,
  ],
];

/** How near-duplicates are made, as they are counted: "3 cropped, 1 same bytes". */
const KINDS: Record<string, string> = {
  "same bytes": "dasselbe Bild",
  "re-encoded": "neu kodiert",
  framed: "gerahmt",
  cropped: "beschnitten",
  mirrored: "gespiegelt",
  rotated: "gedreht",
};
const kindsOf = (said: string): string =>
  said.replace(/(\d+) ([a-z][a-z -]*)/g, (whole, count: string, kind: string) => (KINDS[kind] ? `${count} ${KINDS[kind]}` : whole));

const LEAKAGE: Sentences = [
  [/^No patient is on both sides of the split\.$/, "Kein Patient ist auf beiden Seiten der Aufteilung."],
  [
    /^(\d+) of (\d+) queries have other images of their patient in the gallery; these were left out before ranking\.$/,
    "Von $1 der $2 Anfragen hat die Galerie andere Bilder des Patienten; sie wurden vor dem Ordnen ausgelassen.",
  ],
  [
    /^(\d+) queries are in the gallery byte for byte under another patient, who was left out too\.$/,
    "$1 Anfragen stehen Byte für Byte unter einem anderen Patienten in der Galerie, der auch ausgelassen wurde.",
  ],
  [/^No patient is known: whether pictures .* cannot be said\. Name them: .*$/, `Kein Patient ist bekannt: ${UNSAID}; ${NAMED}`],
  [
    /^The patient of (\d+) of (\d+) records is not known: whether pictures .* cannot be said\. Name them: .*$/,
    `Von $1 der $2 Einträge ist der Patient nicht bekannt: ${UNSAID}; ${NAMED}`,
  ],
  [
    /^(\d+) of (\d+) records were grouped by another secret key: whether pictures .* cannot be said\. Give the gallery that key: (.*)$/,
    `$1 von $2 Einträgen wurden mit einem anderen geheimen Schlüssel gruppiert: ${UNSAID}; geben Sie ihn der Galerie: $3`,
  ],
  [
    /^No near-duplicate of a query was found among those that may answer it\.$/,
    "Unter denen, die antworten dürfen, fand sich kein Beinahe-Duplikat einer Anfrage.",
  ],
  [
    /^(\d+) of (\d+) queries have a near-duplicate (of another patient|that nobody says is of the same patient) \((.+)\): look at them, (.+) lists those of a gallery\.$/,
    (some, all, whose, kinds, command) =>
      `${some} von ${all} Anfragen haben ein Beinahe-Duplikat ${whose === "of another patient" ? "eines anderen Patienten" : "von unbekanntem Patienten"} (${kindsOf(kinds!)}): sehen Sie sie an; ${command} zeigt die einer Galerie.`,
  ],
  [
    /^No pictures are there to compare: whether a query has a near-duplicate cannot be said\.$/,
    "Es gibt keine Bilder zum Vergleichen: ob eine Anfrage ein Beinahe-Duplikat hat, lässt sich nicht sagen.",
  ],
];

/** Of a field or a comparison, what chance explains and what not. */
const ENDS: Sentences = [
  [/^no difference is shown\.$/, "kein Unterschied ist belegt."],
  [/^better than chance explains\.$/, "besser, als Zufall erklärt."],
  [/^worse than chance explains\.$/, "schlechter, als Zufall erklärt."],
  [
    /^more than chance, lowest for (.+); so it is among patients of the same labels \(p (.+)\)\.$/,
    "mehr als Zufall, am niedrigsten für $1; so ist es auch unter Patienten mit denselben Labels (p #2).",
  ],
  [
    /^more than chance, lowest for (.+); not shown among patients of the same labels \(p (.+)\), which may explain it\.$/,
    "mehr als Zufall, am niedrigsten für $1; unter Patienten mit denselben Labels nicht belegt (p #2), was es erklären kann.",
  ],
];

const SCORES: Sentences = [
  [
    /^(\d+) (patient|record)s are few: intervals of fewer than (\d+) are likely too narrow\.$/,
    (count, unit, few) =>
      `${count} ${unit === "patient" ? "Patienten" : "Einträge"} sind wenige: Intervalle von weniger als ${few} sind wohl zu eng.`,
  ],
  [
    /^Intervals of classes with fewer than (\d+) (patient|record)s \((\d+) of (\d+)\) are likely too narrow\.$/,
    (few, unit, some, all) =>
      `Intervalle von Klassen mit weniger als ${few} ${unit === "patient" ? "Patienten" : "Einträgen"} (${some} von ${all}) sind wohl zu eng.`,
  ],
  [/^Intervals: 95 %, bootstrap by (patient|record)\.$/, (unit) => `Intervalle: 95 %, Bootstrap nach ${WHO[unit!]}.`],
  [
    /^The adapter was trained on the patients of (\d+) queries: its score is flattered\. Ask with other patients, or with --folds\.$/,
    "Der Adapter hat aus den Patienten von $1 Anfragen gelernt: sein Wert ist geschönt. Fragen Sie mit anderen Patienten oder in Teilen.",
  ],
  [/^By (.+): no test, (.+)\.$/, "Nach $1: kein Test, $2."],
  [
    /^By (.+): the spread of micro (\S+) is ([\d.]+), by chance ([\d.]+) to ([\d.]+); p (.+?), corrected for the number of fields ([^:]+):$/,
    "Nach $1: die Spanne von Mikro-$2 ist #3, bei Zufall #4 bis #5; p #6, korrigiert für die Zahl der Felder #7:",
  ],
  [/^Against (.+): no query could be scored\.$/, "Gegen $1: keine Anfrage konnte bewertet werden."],
  [
    /^Against (.+): macro (\S+) (.+), p (.+?), corrected for (\d+) depths ([^:]+):$/,
    "Gegen $1: Makro-$2 #3, p #4, korrigiert für $5 Tiefen #6:",
  ],
  ...ENDS,
];

const TAKEN: Record<string, string> = {
  "where it was taken": "dem Ort der Aufnahme",
  "how it was taken": "der Art der Aufnahme",
  "how its data were written down": "der Art, wie die Daten geschrieben wurden,",
  "who was imaged": "den aufgenommenen Personen",
};
const takenBy = (said: string): string =>
  TAKEN[said] ?? said.replace(/^the recorded field (.+)$/, "dem verzeichneten Feld $1");

const CONFOUNDS: Sentences = [
  [
    /^No recorded field separates a value of (.+)\. What nobody recorded cannot be audited\.$/,
    "Kein verzeichnetes Feld trennt einen Wert von $1. Was niemand verzeichnet hat, kann nicht geprüft werden.",
  ],
  [
    /^(.+) is separable by (.+?): (.+) is (.+) in (\d+) of its (\d+) records and in (\d+) of the (\d+) others\.$/,
    (label, by, field, values, inside, own, outside, others) =>
      `${label} lässt sich nach ${takenBy(by!)} trennen: ${field} ist ${values!.replaceAll(" or ", " oder ")} in ${inside} seiner ${own} Einträge und in ${outside} der ${others} anderen.`,
  ],
  [/^(.+) goes with (.+):$/, "$1 geht mit $2 einher:"],
  [
    /^Cramer's V ([\d.]+), where values exchanged between patients give up to ([\d.]+) \((.+)\)\.?$/,
    "Cramérs V ist #1; zwischen Patienten vertauschte Werte geben bis zu #2 (#3).",
  ],
  [
    /^(.+) is a function of the label: the two cannot be told apart\.$/,
    "$1 folgt aus dem Label: die beiden lassen sich nicht auseinanderhalten.",
  ],
  [/^It is told as well by (.+)\.$/, "Dasselbe sagt auch: $1."],
  [
    /^The vectors tell (.+) with a balanced accuracy of ([\d.]+) \(chance ([\d.]+)\): a score on (.+) may be a score on that\.$/,
    "Die Vektoren sagen $1 mit einer balancierten Genauigkeit von #2 (Zufall #3): ein Wert für $4 kann ein Wert dafür sein.",
  ],
  [
    /^Neighbours follow (.+) (rather than|too, not only) (.+): robustness index ([\d.]+), where values exchanged between patients give ([\d.]+) to ([\d.]+) \((.+); over (\d+)% of the records\)\.$/,
    (field, says, label, index, low, high, p, share) =>
      `Nachbarn folgen ${says === "rather than" ? `${field} statt ${label}` : `auch ${field}, nicht nur ${label}`}: Robustheitsindex ${numbers(index!)}; zwischen Patienten vertauschte Werte geben ${numbers(`${low} to ${high}`)} (${numbers(p!)}; über ${share} % der Einträge).`,
  ],
];

export const REPORTS: Sentences = [
  ...LEAKAGE,
  ...SCORES,
  ...CONFOUNDS,
  ...SPLITS,
  [
    /^Encoder (\S+) \(weights (\w+), preprocessing (\w+)\): (.+)\.$/,
    (name, weights, preprocessing, note) => {
      const known = germanOf(note!, ENCODERS);
      return known && `Encoder ${name} (Gewichte ${weights}, Vorverarbeitung ${preprocessing}): ${known}.`;
    },
  ],
  [
    /^Split: (.+); seed (\d+), split (\w+)\.$/,
    (rule, seed, split) => {
      const known = germanOf(rule!, SPLITS);
      return known && `Aufteilung: ${known}; Startwert ${seed}, Kennung ${split}.`;
    },
  ],
];
