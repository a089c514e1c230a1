/** English: what every language must say. */
export const en = {
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
    view: { search: "Search", map: "Map", labels: "Label", adapt: "Adapt", evaluate: "Evaluate", gallery: "Gallery" },
    gone: "The server does not answer. Your query is kept; trying again…",
    dropToAdd: "Drop to add to the gallery",
    dropToSearch: "Drop to search with it",
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
};

export type Messages = typeof en;
