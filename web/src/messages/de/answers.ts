/** Deutsch: die Sätze neben Treffern, und was Aufträge, Zeitpläne und Ablehnungen sagen. */
import { REFUSALS } from "./refusals";
import type { Sentences } from "./sentences";

const PATIENTS = "lookalike index SOURCES --labels TABLE.csv --patient-column NAME";

/** Why no record may answer; each after "only 0 records may answer this query". */
const NONE: Sentences = [
  [/^the gallery is empty$/, "die Galerie ist leer"],
  [/^the filter allows none$/, "der Filter erlaubt keinen"],
  [/^of the query's patient no earlier study is here$/, "vom Patienten der Anfrage ist keine frühere Untersuchung hier"],
  [
    /^of the query's patient no earlier study that is asked for is here$/,
    "vom Patienten der Anfrage ist keine frühere Untersuchung hier, nach der gefragt ist",
  ],
  [
    /^all (that the filter allows )?are of its own patient, which is left out\. Let them answer with (\S+); if they are of several patients, name these by another column: .*$/,
    (filtered, option) =>
      `alle${filtered ? ", die der Filter erlaubt," : ""} sind von ihrem eigenen Patienten, der ausgelassen wird. Lassen Sie ihn antworten (${option}); sind es mehrere, benennen Sie sie nach einer anderen Spalte: ${PATIENTS}`,
  ],
];

const SEARCH: Sentences = [
  [/^fused by reciprocal rank: (.+)$/, "nach reziprokem Rang verbunden: $1"],
  [/^(\d+) records have no report, and are found by it never$/, "$1 Einträge haben keinen Befundtext und werden danach nie gefunden"],
  [
    /^only (\d+) (records|studies) may answer this query(:?)$/,
    (count, what, goesOn) =>
      `nur ${count} ${what === "records" ? "Einträge" : "Untersuchungen"} dürfen auf diese Anfrage antworten${goesOn}`,
  ],
  ...NONE,
  [
    /^left out, since whether they are earlier cannot be said: (\d+) of the query's patient, of no known day$/,
    "ausgelassen, da sich nicht sagen lässt, ob sie früher sind: $1 vom Patienten der Anfrage, deren Tag nicht bekannt ist",
  ],
  [
    /^(\d+) records have no patches: run `(.+)` on their sources again$/,
    "zu $1 Einträgen gibt es keine Patches: führen Sie `$2` für ihre Quellen noch einmal aus",
  ],
  [
    /^the filter leaves nothing similar: it leaves none, without it the best would have ([\d.-]+)$/,
    "der Filter lässt nichts Ähnliches übrig: keinen Eintrag; ohne ihn hätte der beste #1",
  ],
  [
    /^the filter leaves nothing similar: the best that it leaves has ([\d.-]+), without it the best would have ([\d.-]+)$/,
    "der Filter lässt nichts Ähnliches übrig: der beste hat #1, ohne Filter hätte der beste #2",
  ],
  [
    /^the secret key that this gallery's patients are grouped by is not here: whether .* so none was left out; give it: (.+)$/,
    "der geheime Schlüssel, mit dem die Patienten dieser Galerie gruppiert sind, ist nicht hier: ob ein Eintrag vom Patienten der Anfrage ist, lässt sich nicht sagen, also wurde keiner ausgelassen; geben Sie ihn an: $1",
  ],
  [
    /^answered from the gallery's own index, since the index engine (.+) gives no answer$/,
    "aus dem eigenen Index der Galerie beantwortet, da die Indexmaschine $1 nicht antwortet",
  ],
  [
    /^The space '(.+)' was trained on records of the query's own patient: its answer is flattered\. Ask in the space '(.+)', or measure it: (.+)\.$/,
    "Der Raum $1 hat aus Einträgen vom Patienten der Anfrage gelernt: seine Antwort ist geschönt. Fragen Sie im Raum $2, oder messen Sie ihn: $3.",
  ],
  [
    /^the space '(.+)' did worse than base, or no better than chance, on folds of its own records$/,
    "der Raum $1 war in Teilen seiner eigenen Einträge schlechter als base, oder nicht besser als Zufall",
  ],
  [
    /^the space '(.+)' was not surely better than base on folds of its own records$/,
    "der Raum $1 war in Teilen seiner eigenen Einträge nicht sicher besser als base",
  ],
];

const VOTES: Sentences = [
  [
    /^The vote on a region is not calibrated, and it never abstains\.$/,
    "Die Abstimmung über eine Region ist nicht kalibriert, und sie enthält sich nie.",
  ],
  [
    /^Zero-shot: probabilities by the model's own temperature, not calibrated on this gallery\.$/,
    "Zero-shot: Wahrscheinlichkeiten nach der Temperatur des Modells, an dieser Galerie nicht kalibriert.",
  ],
  [
    /^Not calibrated: every labelled record that may vote bears '(.+)'\.$/,
    "Nicht kalibriert: jeder Eintrag mit Label, der abstimmen darf, trägt „$1“.",
  ],
  [/^Not calibrated: the space '(.+)' has learnt these labels\.$/, "Nicht kalibriert: der Raum $1 hat diese Labels gelernt."],
  [
    /^Not calibrated: the labelled records are of too few patients for two folds\.$/,
    "Nicht kalibriert: die Einträge mit Label sind von zu wenigen Patienten für zwei Teile.",
  ],
  [
    /^The encoder was tuned on every record that probabilities were calibrated on: they are too sure\.$/,
    "Der Encoder hat aus allen Einträgen gelernt, an denen die Wahrscheinlichkeiten kalibriert wurden: sie sind zu sicher.",
  ],
  [
    /^Calibrated on the (\d+) records that the encoder was not tuned on\.$/,
    "Kalibriert an den $1 Einträgen, aus denen der Encoder nicht gelernt hat.",
  ],
  [
    /^The adapter was trained on records of the query's own patient: its answer is flattered\.$/,
    "Der Adapter hat aus Einträgen vom Patienten der Anfrage gelernt: seine Antwort ist geschönt.",
  ],
];

const ADDED: Sentences = [
  [
    /^(\d+) files? says? that text is burned into the pixels \((\w+)\): whoever sees the pictures sees it$/,
    "laut $1 Dateien ist Text in die Pixel eingebrannt ($2): wer die Bilder sieht, sieht ihn",
  ],
  [
    /^(\w+) of (\d+) files? was not kept: it is none of the known values; a label table may give it$/,
    "$1 von $2 Dateien wurde nicht behalten: es ist keiner der bekannten Werte; eine Tabelle der Labels kann ihn nennen",
  ],
  [
    /^(.+) has no label column \((.+)\): it gives no labels\. Name one with --label-column\.$/,
    "$1 hat keine Spalte mit Labels ($2): sie gibt keine. Nennen Sie eine mit --label-column.",
  ],
  [
    /^(.+) has words of reports \((.+)\), which are patients' data: they were left out\. Keep them with --report-column\.$/,
    "$1 enthält Befundtexte ($2), die Daten von Patienten sind: sie wurden ausgelassen. Mit --report-column werden sie behalten.",
  ],
  [
    /^the slices of (\d+) series were not fetched together, .* put each series into a folder of its own$/,
    "die Schichten von $1 Serien wurden nicht zusammen geholt, da sie in mehreren Ordnern liegen oder in einem zu großen: jeder Teil wurde für sich gelesen; geben Sie jeder Serie einen eigenen Ordner",
  ],
];

const MERGED: Sentences = [
  [
    /^(.+) was encoded by (\S+): its pictures were encoded anew by (\S+?)(; words ask in the language of that one alone)?$/,
    (name, other, own, words) =>
      `${name} wurde von ${other} kodiert: die Bilder wurden von ${own} neu kodiert${words ? "; Wörter fragen nur in dessen Sprache" : ""}`,
  ],
  [
    /^(.+) cuts volumes or windows pictures otherwise: its pictures were encoded anew$/,
    "$1 schneidet Volumen oder fenstert Bilder anders: die Bilder wurden neu kodiert",
  ],
  [
    /^adapted spaces of (.+) stay there: (.+); train them anew \((.+)\)$/,
    "angepasste Räume von $1 bleiben dort: $2; trainieren Sie sie neu ($3)",
  ],
  [/^(.+) keeps patches and (.+) does not: (.+) makes them$/, "$1 hat Patches und $2 nicht: $3 macht sie"],
  [
    /^(.+) is linked and (.+) is anonymous: UIDs and dates were not brought along$/,
    "$1 ist verknüpft und $2 anonym: UIDs und Daten kamen nicht mit",
  ],
  [
    /^who was erased from (.+) was left out, and (.+) does not know whom not to take$/,
    "wer aus $1 gelöscht wurde, blieb aus, und $2 weiß nicht, wen es nicht aufnehmen soll",
  ],
  [
    /^(\d+) accepted values of (.+) are other ones here, and their decisions stay there; audit again: (.+)$/,
    "$1 angenommene Werte von $2 sind hier andere, und ihre Entscheidungen bleiben dort; prüfen Sie noch einmal: $3",
  ],
  [/^(\d+) reports of (.+) are other ones here, and these were kept$/, "$1 Befundtexte von $2 sind hier andere, und diese wurden behalten"],
];

const PLANNED: Sentences = [
  [/^every day at (\d+:\d+)$/, "täglich um $1"],
  [/^every hour$/, "stündlich"],
  [/^every (\d+) hours?$/, "alle $1 Stunden"],
];

/** What the page's own buttons may come upon. */
const REFUSED: Sentences = [
  [
    /^(\d+) of your jobs are not done yet; start this one when some are$/,
    "$1 Ihrer Aufträge sind noch nicht fertig; beginnen Sie diesen, wenn es einige sind",
  ],
  [/^(\d+) jobs are not done yet; start this one when some are$/, "$1 Aufträge sind noch nicht fertig; beginnen Sie diesen, wenn es einige sind"],
  [/^an upload is no longer there; upload it again$/, "Gesendetes ist nicht mehr da; senden Sie es noch einmal"],
  [/^no folder of that name is there; choose among those that are listed$/, "einen Ordner dieses Namens gibt es nicht; wählen Sie einen der genannten"],
  [
    /^this folder cannot be read by the service; ask who administers it$/,
    "der Dienst kann diesen Ordner nicht lesen; fragen Sie, wer ihn verwaltet",
  ],
  [
    /^no record of this round was read by two readers, so that nobody can agree yet$/,
    "kein Eintrag dieser Runde wurde von zweien befundet, also lässt sich noch keine Übereinstimmung sagen",
  ],
  [
    /^a tuned encoder is kept in a folder of models: give --to DIR, or set (\w+)=DIR, where it is then found by its name$/,
    "ein nachtrainierter Encoder wird in einem Ordner für Modelle behalten: wer den Dienst verwaltet, setzt $1=ORDNER",
  ],
  [
    /^there is a space '(.+)' already, and another training would replace it; name a new one \((.+) is free\), or give --replace$/,
    "einen Raum $1 gibt es schon, und ein neues Training ersetzte ihn; nennen Sie einen neuen ($2 ist frei)",
  ],
  [
    /^there is an encoder '(.+)' already, and galleries may use it; name a new one$/,
    "einen Encoder $1 gibt es schon, und Galerien benutzen ihn vielleicht; nennen Sie einen neuen",
  ],
  [/^folds must be from 2 to (\d+) \((\d+) patients\), got (\d+)$/, "Teile sind es 2 bis $1 (bei $2 Patienten), nicht $3"],
  [
    /^folds must be at most (\d+), the records of the largest class, got (\d+)$/,
    "Teile sind es höchstens $1, so viele Einträge hat die größte Klasse, nicht $2",
  ],
  [/^no record of this gallery bears a label; index with .*$/, "kein Eintrag dieser Galerie trägt ein Label; geben Sie ihnen welche"],
  [
    /^a space's name is made of letters, digits, '-' and '_' and is not '(.+)'; got '(.*)'$/,
    "der Name eines Raums besteht aus Buchstaben, Ziffern, „-“ und „_“ und ist nicht $1; er war „$2“",
  ],
  [
    /^an encoder's name is made of letters, digits, '-' and '_', got '(.*)'$/,
    "der Name eines Encoders besteht aus Buchstaben, Ziffern, „-“ und „_“; er war „$1“",
  ],
  [/^the filter leaves no labelled record that could vote$/, "der Filter lässt keinen Eintrag mit Label, der abstimmen könnte"],
];

export const ANSWERS: Sentences = [
  ...SEARCH,
  ...VOTES,
  ...ADDED,
  ...MERGED,
  ...PLANNED,
  ...REFUSED,
  ...REFUSALS,
  [/^(\d+) records were read by one reader only and are left out\.$/, "$1 Einträge hat nur eine Person befundet; sie sind ausgelassen."],
];
