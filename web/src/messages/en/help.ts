/** English: the keys, and the answer to keep. */
export const help = {
  title: "Keys",
  inSearch: "in the search",
  inCompare: "in the compare view",
  keys: {
    find: "search: write what to look for",
    next: "next hit; in the compare view the next pair",
    before: "the hit before",
    compare: "compare the query with the hit, and back",
    more: "more like this hit",
    less: "less like this hit",
    undo: "undo; in the label view the last change of labels",
    help: "these keys",
  },
  viewer: {
    invert: "invert",
    turn: "turn right",
    mirror: "mirror left to right",
    full: "full screen",
    planes: "three planes of a volume, with a crosshair",
    length: "measure a length",
    angle: "measure an angle",
    box: "draw a box to search for",
  },
  window: (name: string): string => `window of CT: ${name}`,
  others: [
    ["Esc", "close what is on top: a dialog, the compare view, an open filter"],
    ["Tab", "to the next control; Shift and Tab to the one before"],
    ["← ↑ → ↓", "in the compare view: slices and the window; while something is measured the cursor, and Enter sets a point"],
    ["Enter", "on the query's picture: begin a box, and search with it"],
    ["← ↑ → ↓", "on the query's picture: move the box; with Shift size it"],
    ["Ctrl A", "on the map: take all points"],
    ["1 … 9", "in the label view: give the selection, or the tile with the focus, the label of this number"],
    ["← ↑ → ↓", "in the label view: to the next tile; with Shift select on the way; Shift and a click select a range"],
  ] as readonly (readonly [string, string])[],
  drop: "Drop pictures, volumes or the folder of a series anywhere to search with them; draw a box on the query to search by a region. A double click on a hit compares it.",
};

export const evidence = {
  title: "Export evidence",
  what: "The query and its hits with their pictures, scores, percentiles and labels; the filters, the gallery, the encoder, the date and the version. It names the query's file: rename that first if its name tells of a patient.",
  html: "Page to print (HTML)",
  data: "Data, with the neighbours' vote (JSON)",
  busy: "Asking again, with pictures…",
};
