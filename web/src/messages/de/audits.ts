/** Deutsch: was der Server zu dem sagt, was er gefunden hat, und wie sicher Prüfungen finden. */
import type { Messages } from "../en";
import { ANSWERS } from "./answers";
import { REPORTS } from "./reports";
import { germanOf, numbers, translated, type Sentences } from "./sentences";
import { COUNTS, STEPS } from "./steps";

const REASONS: Sentences = [
  [/^nothing stands out from the background$/, "nichts hebt sich vom Hintergrund ab"],
  [/^it fits better with black and white exchanged$/, "es passt besser mit vertauschtem Schwarz und Weiß"],
  [
    /^it fits better with black and white exchanged; the file says (.+)$/,
    "es passt besser mit vertauschtem Schwarz und Weiß; die Datei sagt $1",
  ],
  [/^it fits better turned clockwise$/, "es passt besser nach rechts gedreht"],
  [/^it fits better turned counter-clockwise$/, "es passt besser nach links gedreht"],
  [/^it fits better transposed$/, "es passt besser an der Diagonale gespiegelt"],
  [/^it fits better transposed the other way$/, "es passt besser an der anderen Diagonale gespiegelt"],
  [/^it fits better mirrored$/, "es passt besser gespiegelt"],
  [/^it fits better upside down$/, "es passt besser auf dem Kopf"],
  [/^much of it is white$/, "vieles darin ist weiß"],
  [/^little lies between black and white$/, "zwischen Schwarz und Weiß liegt wenig"],
  [/^recorded: nothing, neighbours: (.+)$/, "nichts verzeichnet, Nachbarn: $1"],
  [/^recorded: (.+), neighbours: (.+)$/, "verzeichnet: $1, Nachbarn: $2"],
  [/^recorded: nothing, and unlike all with it$/, "nichts verzeichnet, und allen unähnlich, bei denen auch nichts verzeichnet ist"],
  [/^recorded: (.+), and unlike all with it$/, "verzeichnet: $1, und allen damit unähnlich"],
  [
    /^(\d+) lines? of text, at most (\d+) letters: initials, or a mark of side or view$/,
    "Textzeilen: $1, höchstens $2 Buchstaben: Initialen, oder eine Marke von Seite oder Projektion",
  ],
  [/^(\d+) lines? of text$/, "Textzeilen: $1"],
];

const ADVICE: Record<string, string> = {
  blank: "Sehen Sie das Original an; zeigt es nichts, entfernen Sie den Eintrag",
  clipped: "Exportieren Sie es neu, mit weiterem Fenster oder aus dem Original",
  inverted: "Berichtigen Sie PhotometricInterpretation, oder vertauschen Sie Schwarz und Weiß, und nehmen Sie es neu auf",
  "upside-down": "Drehen Sie es um 180 Grad, oder spiegeln Sie oben und unten, und nehmen Sie es neu auf",
  turned: "Drehen Sie es um 90 Grad, und nehmen Sie es neu auf",
  mirrored: "Vergleichen Sie mit der Seitenmarke; ist es gespiegelt, spiegeln Sie es zurück und nehmen es neu auf",
  "wrong-body-part": "Berichtigen Sie, was verzeichnet ist, oder nehmen Sie es aus dieser Galerie",
  "burned-in-text": "Lesen Sie ihn; nehmen Sie es mit --burned-in mask neu auf, oder exportieren Sie es ohne ihn",
};

const NOTES: Sentences = [
  [
    /^Of (\d+) records (\d+) were compared, drawn at random; another seed draws others\.$/,
    "Verglichen wurden $2 von $1 Einträgen, zufällig gezogen; ein anderer Startwert zieht andere.",
  ],
  [
    /^too unlike this gallery: its mean cosine with the (\d+) nearest records is ([\d.-]+), and (\d+) % of the gallery's own records reach ([\d.-]+)$/,
    "Dieser Galerie zu unähnlich: Der mittlere Kosinus mit den $1 nächsten Einträgen ist #2; $3 % der eigenen Einträge der Galerie erreichen #4",
  ],
  [/^Research software, not a medical device\.$/, "Forschungssoftware, kein Medizinprodukt."],
  [/^(\d+) records have no picture\.$/, "Einträge ohne Bild: $1."],
  [
    /^A list to look at: nothing was changed\. planted found: .*$/,
    "Eine Liste zum Ansehen: nichts wurde geändert. Eingebaute gefunden: von diesen Bildern, in die der Fehler eingebaut wurde, der Anteil, der gezeigt wird.",
  ],
  [
    /^A list to look at, not a correction: nothing was changed\. planted found: .*$/,
    "Eine Liste zum Ansehen, keine Berichtigung: nichts wurde geändert. Eingebaute gefunden: von Werten, die zufällig geändert wurden, der Anteil, den dieselbe Regel zeigt.",
  ],
  [
    /^Distance: 1 - the mean cosine with the nearest reference records of other patients\. Percentile: .*$/,
    "Abstand: 1 minus der mittlere Kosinus mit den nächsten Vergleichseinträgen anderer Patienten. Perzentil: der Anteil der Vergleichseinträge, der näher bei den anderen liegt.",
  ],
  [/^not judged: the pictures here look alike both ways$/, "nicht beurteilt: die Bilder hier sehen so und so gleich aus"],
  [
    /^not judged: it takes (\d+) pictures, of two patients$/,
    "nicht beurteilt: dazu braucht es $1 Bilder, von zwei Patienten",
  ],
  [/^(\d+) records could not be compared\.$/, "$1 Einträge konnten nicht verglichen werden."],
  [
    /^Known outliers: (\d+) of the compared (records|studies), (\d+) not; no curve without both\.$/,
    "Bekannte Ausreißer: $1 der verglichenen, $3 nicht; ohne beide keine Kurve.",
  ],
  [
    /^Known outliers: (\d+) of the compared (?:records|studies), (\d+) not; one of the first lies farther than one of the others in ([\d.]+) of the pairs \(area under the ROC curve; (.+)\)\.$/,
    (outliers, others, auc, interval) =>
      `Bekannte Ausreißer: ${outliers} der verglichenen, ${others} nicht; in ${numbers(auc!)} der Paare liegt einer der ersten weiter als einer der anderen (Fläche unter der ROC-Kurve; ${interval!
        .replace("too few patients for an interval", "zu wenige Patienten für ein Intervall")
        .replace(/^95 % (\S+ to \S+), patients drawn at random$/, (_, range: string) => `95 % ${numbers(range)}, Patienten zufällig gezogen`)}).`,
  ],
  [/^not looked for: (.+)$/, "nicht danach gesucht: $1"],
  [
    /^by '([^']+)'(?:, (.+))?$/,
    (field, note) => {
      const known = note && germanOf(note, NOTES);
      return known === null ? null : `nach „${field}“${known ? `, ${known}` : ""}`;
    },
  ],
  [/^not audited: every record says the same$/, "nicht geprüft: alle Einträge sagen dasselbe"],
  [
    /^not listed: the neighbours of (\d+)% of the records say otherwise, too many to be wrong; pictures alone do not tell these values here$/,
    "nicht gezeigt: bei $1 % der Einträge sagen die Nachbarn anderes, zu viele, um falsch zu sein; Bilder allein sagen diese Werte hier nicht",
  ],
];

export const audits: Messages["audits"] = {
  reason: (said) => translated(said, REASONS),
  advice: (fault, said) => {
    const own = ADVICE[fault];
    return { text: own ?? said, isTranslated: own !== undefined };
  },
  note: (said) => translated(said, [...NOTES, ...REPORTS, ...ANSWERS]),
  step: (said) => translated(said, STEPS),
  counted: (name) => {
    const own = COUNTS[name];
    return { text: own ?? name.replaceAll("_", " "), isTranslated: own !== undefined };
  },
  sure: "Wie sicher das hier gefunden wird",
  what: { quality: "Fehler", metadata: "Feld" },
  listed: "Gezeigt",
  found: "Eingebaute gefunden",
  remark: "Anmerkung",
};
