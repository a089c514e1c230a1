/** What reports, searches, jobs and refusals say stands in German too: in the very words of the server. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { audits as german } from "../src/messages/de/audits";
import { holdings } from "../src/messages/de/holdings";
import { translated } from "../src/messages/de/sentences";

const server = (file: string): string =>
  readFileSync(fileURLToPath(new URL(`../../src/lookalike/${file}`, import.meta.url)), "utf-8").replace(/"\n\s*f?"/g, "");

/** A file of the server: sentences of it as it says them, what of each stands in it, and German words for it. */
const SAID: Record<string, readonly (readonly [said: string, piece: string, german: string])[]> = {
  "evaluation/report.py": [
    [
      "Split: leave one patient out; seed 0, split 0a1b2c. Intervals: 95 %, bootstrap by patient.",
      "Intervals: 95 %, bootstrap by {unit}.",
      "Aufteilung: jeweils ein Patient ausgelassen; Startwert 0, Kennung 0a1b2c. Intervalle: 95 %, Bootstrap nach Patient.",
    ],
    [
      "Split: 5 patient-disjoint folds, seed 3; seed 3, split 0a1b2c. Intervals: 95 %, bootstrap by record.",
      "Split: {experiment.rule}; seed {seed}, split {experiment.split_hash}.",
      "Aufteilung: 5 Teile mit getrennten Patienten, Startwert 3; Startwert 3, Kennung 0a1b2c. Intervalle: 95 %, Bootstrap nach Eintrag.",
    ],
    [
      "Encoder lite0 (weights 0123456789ab, preprocessing cd): trained on photographs (ImageNet), not on medical images; a perceptual similarity.",
      "Encoder {spec.name} (weights {spec.revision[:12]}, preprocessing {spec.preprocessing.hash}): ",
      "Encoder lite0 (Gewichte 0123456789ab, Vorverarbeitung cd): an Fotos (ImageNet) trainiert, nicht an medizinischen Bildern; ein Maß wahrgenommener Ähnlichkeit.",
    ],
  ],
  "evaluation/scores.py": [
    ["12 patients are few: intervals of fewer than 20 are likely too narrow.", "s are few: intervals of fewer than", "12 Patienten sind wenige"],
    ["Intervals of classes with fewer than 20 patients (3 of 5) are likely too narrow.", "Intervals of classes with fewer than", "(3 von 5)"],
  ],
  "evaluation/splits.py": [["4 folds by record, seed 0", "folds by record", "4 Teile nach Einträgen, Startwert 0"]],
  "evaluation/leakage.py": [
    [
      "No patient is on both sides of the split. No near-duplicate of a query was found among those that may answer it.",
      "No near-duplicate of a query was found among those that may answer it.",
      "Kein Patient ist auf beiden Seiten der Aufteilung. Unter denen, die antworten dürfen, fand sich kein Beinahe-Duplikat",
    ],
    [
      "3 of 9 queries have other images of their patient in the gallery; these were left out before ranking. 2 of 9 queries have a near-duplicate of another patient (2 cropped): look at them, lookalike audit duplicates lists those of a gallery.",
      "queries have a near-duplicate {whose} ({kinds}): look at them, lookalike audit duplicates lists those of a gallery.",
      "Von 3 der 9 Anfragen hat die Galerie andere Bilder des Patienten; sie wurden vor dem Ordnen ausgelassen. 2 von 9 Anfragen haben ein Beinahe-Duplikat eines anderen Patienten",
    ],
    [
      "No pictures are there to compare: whether a query has a near-duplicate cannot be said.",
      "No pictures are there to compare: whether a query has a near-duplicate cannot be said.",
      "Es gibt keine Bilder zum Vergleichen",
    ],
  ],
  "asking/patients.py": [
    [
      "The patient of 4 of 9 records is not known: whether pictures of one patient are on both sides cannot be said. Name them: lookalike index SOURCES --labels TABLE.csv --patient-column NAME.",
      "whether pictures of one patient are on both sides cannot be said. Name them: ",
      "Von 4 der 9 Einträge ist der Patient nicht bekannt",
    ],
    [
      "the secret key that this gallery's patients are grouped by is not here: whether a record is of the query's own patient cannot be said, so none was left out; give it: lookalike gallery adopt G --key-file FILE",
      "patient cannot be said, so none was left out; give it: lookalike gallery adopt G --key-file FILE",
      "der geheime Schlüssel, mit dem die Patienten dieser Galerie gruppiert sind",
    ],
  ],
  "evaluation/near_duplicates.py": [
    [
      "3 of 9 queries have a near-duplicate that nobody says is of the same patient (1 same bytes, 2 re-encoded): look at them, lookalike audit duplicates lists those of a gallery.",
      "kind.replace('-bytes', ' bytes')",
      "(1 dasselbe Bild, 2 neu kodiert)",
    ],
  ],
  "server/jobs/process.py": [
    ["out of memory; free memory and start it again", "out of memory; free memory and start it again", "der Speicher reicht nicht"],
    [
      "records were removed while it ran, again and again, and what it had made was removed with them, since it may hold something of them; start it again when no more are being removed",
      "something of them; start it again when no more are being removed",
      "währenddessen wurden immer wieder Einträge entfernt",
    ],
  ],
  "server/galleries.py": [
    ["the gallery chest cannot be opened now; see /", "cannot be opened now; see /", "die Galerie chest kann jetzt nicht"],
    ["the first gallery cannot be opened now; see /", "the first gallery", "die erste Galerie kann jetzt nicht"],
  ],
  "server/decoding.py": [
    [
      "16 of your pictures are waiting to be decoded; ask for this one when they are there",
      "of your pictures are waiting to be decoded; ask for this one when they are there",
      "16 Ihrer Bilder warten",
    ],
  ],
  "server/uploads/store.py": [
    [
      "4 of your uploads are on their way; send this one when they are there",
      "of your uploads are on their way; send this one when they are there",
      "4 Ihrer Dateien sind noch auf dem Weg",
    ],
  ],
  "server/exports.py": [
    [
      "cohorts that were exported take all the room; they go after a day",
      "cohorts that were exported take all the room; they go after a day",
      "exportierte Kohorten brauchen allen Platz",
    ],
  ],
  "server/ask.py": [
    [
      "another classifier is being trained; ask again when it is done",
      "another classifier is being trained; ask again when it is done",
      "ein anderer Klassifikator wird gerade trainiert",
    ],
  ],
  "server/processes/handing.py": [
    ["a process of the service is being started again; ask again in a moment", "is being started again; ask again in a moment", "wird neu gestartet"],
  ],
  "evaluation/subgroups.py": [
    [
      "By sex: the spread of micro P@1 is 0.100, by chance 0.000 to 0.200; p 0.200, corrected for the number of fields 0.400: no difference is shown.",
      ": no difference is shown.",
      "Nach sex: die Spanne von Mikro-P@1 ist 0,100, bei Zufall 0,000 bis 0,200; p 0,200, korrigiert für die Zahl der Felder 0,400: kein Unterschied ist belegt.",
    ],
    [
      "By sex: the spread of micro P@1 is 0.100, by chance 0.000 to 0.020; p 0.001, corrected for the number of fields 0.002: more than chance, lowest for F; so it is among patients of the same labels (p 0.001).",
      ": more than chance, lowest for {low}; {why}.",
      "mehr als Zufall, am niedrigsten für F; so ist es auch unter Patienten mit denselben Labels (p 0,001).",
    ],
  ],
  "evaluation/paired.py": [
    [
      "Against base: macro P@5 +0.100 (0.010 to 0.200), p 0.010, corrected for 4 depths 0.040: better than chance explains.",
      "'better' if found.value > 0 else 'worse'} than chance explains.",
      "Gegen base: Makro-P@5 +0,100 (0,010 bis 0,200), p 0,010, korrigiert für 4 Tiefen 0,040: besser, als Zufall erklärt.",
    ],
  ],
  "evaluation/confound_report.py": [
    [
      "edema is separable by where it was taken: site is north or south in 8 of its 8 records and in 3 of the 32 others. Cramer's V 0.80, where values exchanged between patients give up to 0.30 (p < 0.001). site is a function of the label: the two cannot be told apart. It is told as well by Manufacturer. The vectors tell site with a balanced accuracy of 0.90 (chance 0.50): a score on edema may be a score on that.",
      "{label} is separable by {taken}: ",
      "edema lässt sich nach dem Ort der Aufnahme trennen: site ist north oder south in 8 seiner 8 Einträge und in 3 der 32 anderen. Cramérs V ist 0,80; zwischen Patienten vertauschte Werte geben bis zu 0,30 (p < 0,001). site folgt aus dem Label",
    ],
    [
      "label goes with site: Cramer's V 0.40, where values exchanged between patients give up to 0.30 (p = 0.010).",
      "goes with {audit.field}: ",
      "label geht mit site einher: Cramérs V ist 0,40",
    ],
    [
      "Neighbours follow site rather than label: robustness index 0.40, where values exchanged between patients give 0.50 to 0.60 (p = 0.010; over 80% of the records).",
      "robustness index {robust.ri:.2f}, where values exchanged between patients give",
      "Nachbarn folgen site statt label",
    ],
    [
      "No recorded field separates a value of label. What nobody recorded cannot be audited.",
      "What nobody recorded cannot be audited.",
      "Kein verzeichnetes Feld trennt einen Wert von label.",
    ],
  ],
  "asking/remarks.py": [
    ["only 3 records may answer this query", "may answer this query", "nur 3 Einträge dürfen auf diese Anfrage antworten"],
    [
      "only 0 records may answer this query: the filter allows none; 7 records have no patches: run `lookalike index --patches` on their sources again",
      "records have no patches: run `lookalike index --patches` on their sources again",
      "nur 0 Einträge dürfen auf diese Anfrage antworten: der Filter erlaubt keinen; zu 7 Einträgen gibt es keine Patches",
    ],
    [
      "only 0 records may answer this query: all that the filter allows are of its own patient, which is left out. Let them answer with --same-patient; if they are of several patients, name these by another column: lookalike index SOURCES --labels TABLE.csv --patient-column NAME",
      "are of its own patient, which is left out. Let them answer with --same-patient; if they are of several patients, name these by another column: ",
      "alle, die der Filter erlaubt, sind von ihrem eigenen Patienten",
    ],
    [
      "the filter leaves nothing similar: the best that it leaves has 0.100, without it the best would have 0.900",
      "the filter leaves nothing similar: {left}, without it the best would have ",
      "der Filter lässt nichts Ähnliches übrig: der beste hat 0,100",
    ],
    [
      "the space 'findings' was not surely better than base on folds of its own records",
      "was not surely better than base on folds of its own records",
      "der Raum findings war in Teilen seiner eigenen Einträge nicht sicher besser als base",
    ],
  ],
  "verbs/classify.py": [
    ["The vote on a region is not calibrated, and it never abstains.", "The vote on a region is not calibrated, and it never abstains.", "Die Abstimmung über eine Region ist nicht kalibriert"],
  ],
  "evaluation/classified.py": [
    ["Not calibrated: the space 'findings' has learnt these labels.", "has learnt these labels.", "Nicht kalibriert: der Raum findings"],
    ["Not calibrated: the labelled records are of too few patients for two folds.", "Not calibrated: the labelled records are of too few patients for two folds.", "von zu wenigen Patienten"],
    ["Calibrated on the 7 records that the encoder was not tuned on.", "records that the encoder was not tuned on.", "Kalibriert an den 7 Einträgen"],
  ],
  "evaluation/quality.py": [
    ["by 'BodyPartExamined', not audited: every record says the same", 'by {quoted(name)!r}', "nach „BodyPartExamined“, nicht geprüft: alle Einträge sagen dasselbe"],
  ],
  "verbs/tune.py": [
    [
      "a tuned encoder is kept in a folder of models: give --to DIR, or set LOOKALIKE_MODELS=DIR, where it is then found by its name",
      "a tuned encoder is kept in a folder of models: give --to DIR, or set {MODELS_FOLDER}=DIR, where it is then found by its name",
      "ein nachtrainierter Encoder wird in einem Ordner für Modelle behalten",
    ],
  ],
  "verbs/adapt.py": [
    [
      "there is a space 'findings' already, and another training would replace it; name a new one (findings-2 is free), or give --replace",
      "already, and another training would replace it; name a new one ({free} is free), or give --replace",
      "einen Raum findings gibt es schon",
    ],
  ],
  "sources/remarks.py": [
    [
      "1 file says that text is burned into the pixels (BurnedInAnnotation): whoever sees the pictures sees it",
      "that text is burned into the pixels ({keyword}): whoever sees the pictures sees it",
      "laut 1 Dateien ist Text in die Pixel eingebrannt",
    ],
  ],
  "sources/labels.py": [
    ["t.csv has no label column (label, labels or class): it gives no labels. Name one with --label-column.", "it gives no labels. Name one with --label-column.", "t.csv hat keine Spalte mit Labels"],
  ],
  "verbs/galleries/merge.py": [
    [
      "north was encoded by lite0: its pictures were encoded anew by dinov2-small",
      "was encoded by {gallery.spec.name}: its pictures were encoded anew by ",
      "north wurde von lite0 kodiert: die Bilder wurden von dinov2-small neu kodiert",
    ],
    [
      "adapted spaces of north stay there: findings; train them anew (lookalike adapt)",
      "stay there: {', '.join(spaces)}; train them anew (lookalike adapt)",
      "angepasste Räume von north bleiben dort: findings; trainieren Sie sie neu (lookalike adapt)",
    ],
  ],
  "verbs/curation/adjudicate.py": [
    ["2 records were read by one reader only and are left out.", "records were read by one reader only and are left out.", "2 Einträge hat nur eine Person befundet"],
  ],
  "schedules.py": [
    ["every day at 02:30", "every day at ", "täglich um 02:30"],
    ["every 5 hours", "hours?", "alle 5 Stunden"],
  ],
  "server/imports.py": [
    ["no folder of that name is there; choose among those that are listed", "no folder of that name is there; choose among those that are listed", "einen Ordner dieses Namens gibt es nicht"],
  ],
};

for (const [file, sentences] of Object.entries(SAID))
  describe(file, () => {
    const code = server(file);
    for (const [said, piece, expected] of sentences)
      it(said, () => {
        expect(code).toContain(piece);
        const found = german.note(said);
        expect(found.isTranslated).toBe(true);
        expect(found.text).toContain(expected);
      });
  });

describe("numbers", () => {
  it.each([
    ["too unlike this gallery: its mean cosine with the 5 nearest records is 0.391, and 99 % of the gallery's own records reach 0.696", "ist 0,391; 99 % der eigenen Einträge der Galerie erreichen 0,696"],
    ["Known outliers: 3 of the compared records, 9 not; one of the first lies farther than one of the others in 0.812 of the pairs (area under the ROC curve; 95 % 0.610 to 0.900, patients drawn at random).", "in 0,812 der Paare liegt einer der ersten weiter als einer der anderen (Fläche unter der ROC-Kurve; 95 % 0,610 bis 0,900, Patienten"],
    ["Neighbours follow site too, not only edema: robustness index 1.05, where values exchanged between patients give 0.98 to 1.02 (p = 0.010; over 90% of the records).", "Robustheitsindex 1,05; zwischen Patienten vertauschte Werte geben 0,98 bis 1,02 (p = 0,010; über 90 %"],
  ])("are written as German does: %s", (said, expected) => expect(german.note(said).text).toContain(expected));
  it("stay as they are where they are what was recorded", () =>
    expect(german.reason("recorded: 1.5, neighbours: 3.0").text).toBe("verzeichnet: 1.5, Nachbarn: 3.0"));
});

const files = readdirSync(fileURLToPath(new URL("../../src/lookalike", import.meta.url)), { recursive: true })
  .map(String)
  .filter((file) => file.endsWith(".py"));

/** What all calls that are matched tell, with something in the place of what is put in. */
const told = (calls: RegExp, put: string): string[] =>
  files.flatMap((file) => [...server(file).matchAll(calls)].map(([, said]) => said!.replace(/\{[^}]*\}/g, put)));

describe("each step that a job may note", () => {
  const steps = told(/(?:log_step|log_warning|LoggedStep\(time\.time\(\),)\s*\(?f?"([^"]+)"/g, "knn");
  it("is found in the server's code", () => expect(steps).toContain("reading and encoding"));
  it.each(steps)("is told in German: %s", (step) => expect(german.step(step).isTranslated).toBe(true));
  it("and what it counts, by name", () => {
    expect(german.step("something new")).toEqual({ text: "something new", isTranslated: false });
    expect([german.counted("labels_kept").text, german.counted("new_things").text]).toEqual(["Labels behalten", "new things"]);
  });
});

/** What no button of the page comes upon, requests of other programs; and what begins with something put in. */
const OF_PROGRAMS = /^(?:the address of a request|a request names|7 cannot|this service is not known|a browser says|that is no logout|send files as|the body has no file|the multipart body|the caller went away)/;

describe("each refusal of the service itself", () => {
  const refusals = told(/(?:\bProblem\(\s*\d+,|_wait\(\d+,)\s*f?"([^"]+)"/g, "7").filter((said) => !OF_PROGRAMS.test(said));
  it("is found in the server's code", () => expect(refusals).toContain("too many uploads are on their way; try again"));
  it.each(refusals)("is told in German: %s", (said) => expect(german.note(said).isTranslated).toBe(true));
});

it("is left whole in the server's words where a sentence of it is new", () => {
  const said = "Something is new. No patient is on both sides of the split.";
  expect(german.note(said)).toEqual({ text: said, isTranslated: false });
  const encoder = "Encoder e (weights 0, preprocessing 1): trained by magic; a perceptual similarity.";
  expect(german.note(encoder)).toEqual({ text: encoder, isTranslated: false });
});

it("takes what is said apart as far as sentences are known", () => {
  const known = [
    [/^a\.$/, "A."],
    [/^a\. b: c$/, "ABC"],
    [/^d$/, "D"],
  ] as const;
  expect(translated("a. b: c; d", known).text).toBe("ABC; D");
  expect(translated("a. a. d", known).text).toBe("A. A. D");
  expect(translated("", known)).toEqual({ text: "", isTranslated: false });
});

it("tells the encoder's note by the same words", () => {
  expect(holdings.encoder("lite0", "trained on photographs (ImageNet), not on medical images")).toBe(
    "Encoder lite0: an Fotos (ImageNet) trainiert, nicht an medizinischen Bildern.",
  );
});
