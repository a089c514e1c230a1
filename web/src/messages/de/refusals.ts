/** Deutsch: was der Dienst ablehnt, wenn er zu viel zu tun hat, noch nicht oder nicht mehr kann. */
import type { Sentences } from "./sentences";

export const REFUSALS: Sentences = [
  [
    /^(\d+) of your pictures are waiting to be decoded; ask for this one when they are there$/,
    "$1 Ihrer Bilder warten darauf, dekodiert zu werden; fragen Sie nach diesem, wenn sie da sind",
  ],
  [/^too many pictures are being decoded; ask again in a moment$/, "zu viele Bilder werden gerade dekodiert; fragen Sie gleich noch einmal"],
  [
    /^files that you asked for are still on their way to you; read them first$/,
    "Dateien, nach denen Sie gefragt haben, sind noch auf dem Weg zu Ihnen; lesen Sie erst diese",
  ],
  [/^too many files are on their way to callers; ask again in a moment$/, "zu viele Dateien sind unterwegs; fragen Sie gleich noch einmal"],
  [
    /^another classifier is being trained; ask again when it is done$/,
    "ein anderer Klassifikator wird gerade trainiert; fragen Sie noch einmal, wenn er fertig ist",
  ],
  [
    /^(\d+) of your uploads are on their way; send this one when they are there$/,
    "$1 Ihrer Dateien sind noch auf dem Weg; senden Sie diese, wenn sie angekommen sind",
  ],
  [/^too many uploads are on their way; try again$/, "zu viel wird gerade gesendet; versuchen Sie es noch einmal"],
  [/^too many uploads are in use; try again later$/, "zu viel Gesendetes wird gebraucht; versuchen Sie es später noch einmal"],
  [
    /^too many of your uploads are in use; try again later$/,
    "zu viel von Ihnen Gesendetes wird gebraucht; versuchen Sie es später noch einmal",
  ],
  [/^the upload cannot be stored now; try again later$/, "das Gesendete kann jetzt nicht gespeichert werden; versuchen Sie es später noch einmal"],
  [/^the body came too slowly$/, "die Daten kamen zu langsam an"],
  [/^a body may have (\d+) bytes here$/, "höchstens $1 Bytes dürfen hier gesendet werden"],
  [
    /^cohorts that were exported take all the room; they go after a day$/,
    "exportierte Kohorten brauchen allen Platz; nach einem Tag gehen sie",
  ],
  [/^too many wrong keys; wait$/, "zu viele falsche Schlüssel; warten Sie"],
  [
    /^a process of the service is being started again; ask again in a moment$/,
    "ein Prozess des Dienstes wird neu gestartet; fragen Sie gleich noch einmal",
  ],
  [/^there is no gallery here yet$/, "hier gibt es noch keine Galerie"],
  [/^the gallery (\S+) cannot be opened now; see \/$/, "die Galerie $1 kann jetzt nicht geöffnet werden; siehe /"],
  [/^the first gallery cannot be opened now; see \/$/, "die erste Galerie kann jetzt nicht geöffnet werden; siehe /"],
  [/^the encoder or the index is still being loaded$/, "der Encoder oder der Index wird noch geladen"],
  [
    /^no folder for backups is configured: backup\.folder in lookalike\.toml$/,
    "für Sicherungen ist kein Ordner eingestellt: backup.folder in lookalike.toml",
  ],
  [/^a page of another site may not do this$/, "eine Seite von anderswo darf das nicht"],
  [/^that did not sign you in; go back to the page and try again$/, "damit sind Sie nicht angemeldet; gehen Sie zurück und versuchen Sie es noch einmal"],
  [/^unexpected (\w+); this is a bug: please report it$/, "unerwartet: $1; das ist ein Fehler im Programm: bitte melden Sie ihn"],
  [/^out of memory; free memory and start it again$/, "der Speicher reicht nicht; machen Sie welchen frei und beginnen Sie noch einmal"],
  [
    /^records were removed while it ran, again and again, and what it had made was removed with them, since it may hold something of them; start it again when no more are being removed$/,
    "währenddessen wurden immer wieder Einträge entfernt, und mit ihnen, was daraus gemacht war, da es etwas von ihnen enthalten kann; beginnen Sie noch einmal, wenn keine mehr entfernt werden",
  ],
];
