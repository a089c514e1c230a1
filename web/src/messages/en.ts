/** English: what every language must say. */
import { adapt, jobs } from "./en/adapt";
import { audits } from "./en/audits";
import { common } from "./en/common";
import { compare } from "./en/compare";
import { curation } from "./en/curation";
import { evaluate } from "./en/evaluate";
import { evidence, help } from "./en/help";
import { cohorts, holdings, merging, operation } from "./en/holdings";
import { labels } from "./en/labels";
import { panel } from "./en/panel";
import { readings } from "./en/readings";
import { reasons } from "./en/reasons";
import { search } from "./en/search";

export const en = {
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
    switchTo: "Deutsch",
    galleries: "Galleries",
    allGalleries: "All galleries",
    records: (count: number): string => `${count.toLocaleString("en")} ${count === 1 ? "record" : "records"}`,
    undo: "Undo",
    undoTitle: "Undo (u)",
    undoLabels: "Take the last change of labels back (u)",
    copyLink: "Copy link",
    linkToSentCopied:
      "Link copied. While the server keeps what was sent it restores the whole query; after that, once the same file is dropped again.",
    linkCopied: "Link copied. It restores the whole query.",
    exportEvidence: "Export evidence",
    help: "Keys and help",
    helpTitle: "Keys (?)",
    light: "Use light colours",
    dark: "Use dark colours",
    addImages: "Add images",
    signOut: (name: string): string => `Sign out ${name}`,
    signOutTitle: (name: string, role: string | null): string => `${name} (${role ?? "no role"}): sign out`,
    views: "Views",
    view: { search: "Search", map: "Map", labels: "Label", readings: "Read", adapt: "Adapt", evaluate: "Evaluate", gallery: "Gallery" },
    gone: "The server does not answer. Your query is kept; trying again…",
    dropToAdd: "Drop to add to the gallery",
    dropToSearch: "Drop to search with it",
    stages: { open: "open", read: "read", encode: "encode", project: "project", filter: "filter", search: "search", fetch: "fetch", background: "background" } as Record<string, string>,
    keys: { search: "search", move: "move", compare: "compare", steer: "more, less like", undo: "undo", all: "all keys" },
    disclaimer: "Research software. Not a medical device.",
  },
  front: {
    none: "None that you may see.",
    linked: "Linked: hits lead into the PACS",
    anonymous: "Anonymous: no UID, name or date is kept",
    notOpen: "not open",
    triedAgain: "It is tried again by itself.",
    noGallery: "There is no gallery here yet",
    whatItIs: "A gallery is a folder that lookalike fills. On the machine of this service:",
    opensItself: "This page opens it by itself as soon as it is there.",
    configured: "Several galleries, and all else that a service needs, stand in lookalike.toml: lookalike config check.",
    copied: "Copied.",
    copy: "Copy",
    copyOf: (command: string): string => `Copy: ${command}`,
  },
  confusion: {
    title: "Confusion",
    nearest: "Rows: what the query bears. Columns: what its nearest record bears, of other patients and other folds. A press on a number shows its queries.",
    none: "Records with several labels have no confusion.",
    classify: "Let a classifier answer",
    classifier: (method: string, accuracy: string, [low = "–", high = "–"]: string[], folds: number): string =>
      `Rows: what the query bears. Columns: what ${
        { knn: "the vote of the neighbours", adapter: "the adapter" }[method] ?? method
      } says. Accuracy ${accuracy} % (${low} to ${high}), ${folds} folds by patient.`,
    cell: (label: string, answer: string): string =>
      label === answer ? `${label}, taken for what it is` : `${label}, taken for ${answer}`,
    listed: (listed: number, count: number): string => (listed === count ? `${count}` : `${listed} of ${count} are listed`),
    press: (label: string, answer: string, count: number): string => `${label} taken for ${answer}: ${count}. Show them`,
  },
  signIn: {
    refused: "That did not sign you in. Try again; if it does not work a second time, ask your administrator.",
    unavailable:
      "The identity provider does not answer. Try again in a minute; if it still does not, ask your administrator.",
    title: "Sign in to see this gallery",
    needsKey: "This gallery needs a key",
    signIn: "Sign in",
    orKey: "Or with a key:",
    askForKey: "Ask its administrator for one. The key is kept in this tab and forgotten when it closes.",
    keyRefused: "That key was not accepted.",
    key: "Key",
    useKey: "Use this key",
  },
  map: {
    kind: "Kind of map",
    space: "Space",
    colouredBy: "coloured by",
    byGroup: "group on the map",
    byError: "error of the space",
    names: "Names",
    pictures: "Pictures",
    aside: "Legend and selection",
    plot: (count: number): string =>
      `Map of ${count.toLocaleString("en")} records. Drag a lasso around points; arrows move, plus and minus zoom, 0 shows all; Control and A takes all, Escape none`,
    query: "query",
    noWebGL: "This browser draws no WebGL; the map needs it.",
    noLabel: "no label",
    none: "none",
    others: (count: number): string => `${count.toLocaleString("en")} others, or none`,
    scale: (low: number, high: number): string => `From ${low} to ${high}`,
    find: "Find in the legend",
    noSuchValue: "No value has that in its name.",
    group: (number: number): string => `group ${number}`,
    groups: "Groups",
    unnamed: "nothing stands out",
    ofGroup: (records: number, patients: number): string =>
      `${records.toLocaleString("en")} ${records === 1 ? "record" : "records"} of ${patients.toLocaleString("en")} ${patients === 1 ? "patient" : "patients"}`,
    trait: (name: string, share: number, elsewhere: number, patients: number): string =>
      `${name}: ${Math.round(100 * share)} % here (${patients.toLocaleString("en")}), ${Math.round(100 * elsewhere)} % elsewhere`,
    groupsNote:
      "Named by what most patients of a group have, few elsewhere do, and chance does not explain. Patients are counted, each once.",
    comparing: "Comparing every labelled record with its neighbours. This takes seconds to minutes…",
    errorNote:
      "The share of the vote of the nearest records of other patients that does not go to the record's label: 0 all agree, 1 none does.",
    sampled: (count: number): string =>
      `Of so many records ${count.toLocaleString("en")}, those of patients drawn at random, were compared with each other; the others are grey and lie behind. With fewer to compare with, errors come out rather higher.`,
    distances: "Distances on a map are drawn to be seen, not to be measured: what counts is the search.",
    notMade: "No map of this space yet",
    drawnOnce: "It is drawn once, on the server, and kept until records come or go.",
    draw: "Draw the map",
    drawing: "Drawing the map…",
    hint: "Drag around points to see their records. Wheel zooms, Shift and drag moves.",
    selection: "Selection",
    searchWith: (count: number): string => (count > 1 ? "Search with these" : "Search with it"),
    label: "Label them",
    tooMany: (most: number): string => `Up to ${most.toLocaleString("en")} records are labelled or saved at once.`,
    searchRecord: (labels: string): string => `Search with ${labels || "this record"}`,
    firstShown: (count: number): string => `The first ${count} are shown.`,
    savedFrom: (count: number): string =>
      `${count.toLocaleString("en")} ${count === 1 ? "record" : "records"} of the map.`,
  },
  gallery: {
    show: "Show",
    pages: {
      records: "records",
      duplicates: "copies",
      outliers: "outliers",
      quality: "quality",
      metadata: "values",
      cohorts: "cohorts",
      refused: "refused",
      jobs: "jobs",
      operation: "operation",
    },
  },
  records: {
    find: "File name or label",
    findLabel: "Find records",
    order: "Order",
    orders: {
      indexed: "indexed first",
      "-indexed": "indexed last",
      source: "file",
      label: "label",
      patient: "patient",
    },
    down: "other way round",
    selected: (count: number): string => `${count.toLocaleString("en")} selected`,
    all: "Select all shown",
    none: "Select none",
    remove: "Remove…",
    label: "Label them",
    keys: "Space selects, with Shift a range; up and down move, with Shift they select.",
    choose: (file: string): string => `Select ${file}`,
    searchWith: (file: string): string => `Search with ${file}`,
    delete: (file: string): string => `Delete ${file}`,
    file: "File",
    labels: "Labels",
    about: "About",
    patient: "Patient",
    slices: (count: number): string => `${count} slices`,
    nothing: "No record here.",
    more: "Show more",
  },
  removal: {
    title: (count: number): string => (count === 1 ? "Remove the record" : `Remove ${count.toLocaleString("en")} records`),
    goes: (count: number): string =>
      `What goes: ${count === 1 ? "the record" : `${count.toLocaleString("en")} records`} with labels, attributes, vectors in every space, patches, thumbnails, decisions, maps and copies of uploads.`,
    stays: "What stays: files outside the gallery, and what adapters have learnt already; train them again to be sure.",
    noUndo: "This cannot be undone.",
    keep: "Keep",
    remove: (count: number): string => (count === 1 ? "Remove it" : `Remove all ${count.toLocaleString("en")}`),
    removed: (count: number): string => `${count.toLocaleString("en")} ${count === 1 ? "record is" : "records are"} gone, everywhere.`,
  },
  refused: {
    none: "No file was refused.",
    files: (count: number): string => `${count.toLocaleString("en")} ${count === 1 ? "file" : "files"}`,
    other: "for other reasons",
    more: "Show more",
  },
};

export type Messages = typeof en;
