
// The data, what colour each point has, the legend and the search.

const data = JSON.parse(document.getElementById("data").textContent);
const at = (id) => document.getElementById(id);
const canvas = at("map"), pen = canvas.getContext("2d"), card = at("card"), legend = at("legend");
const total = data.ids.length, labels = data.fields[0];
const wanted = new Uint8Array(total).fill(1); // 1: found by the search and not hidden by the legend
const bucket = new Int16Array(total); // which colour a point has
let field, colors, isolated = null, hovered = -1, drag = null, frame = 0;
let home = 1, scale = 1, left = 0, top = 0, width = 0, height = 0; // screen x = left + x * scale

const make = (name, text) => {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  return made;
};
const number = (value) => Number(value.toPrecision(6)).toLocaleString("en");
const text = (one, i) => {
  if (one.kind === "text") return one.codes[i] < 0 ? "" : one.categories[one.codes[i]];
  return one.values[i] === null ? "" : number(one.values[i]);
};

// Colours and the legend

function chooseField(which) {
  field = data.fields[which];
  isolated = null;
  legend.replaceChildren();
  if (field.kind === "number") colorByNumber();
  else colorByCategory();
  select();
}

function colorByNumber() {
  const there = field.values.filter((value) => value !== null);
  const low = there.reduce((a, b) => Math.min(a, b), Infinity);
  const high = there.reduce((a, b) => Math.max(a, b), -Infinity);
  colors = [data.missing];
  for (let step = 0; step < 64; step++) colors.push(onRamp(step / 63));
  field.values.forEach((value, i) => {
    bucket[i] = value === null ? 0 : 1 + Math.round(63 * (high > low ? (value - low) / (high - low) : 0.5));
  });
  if (!there.length) return;
  const bar = make("div"), ends = make("div");
  bar.className = "ramp";
  bar.style.background = `linear-gradient(to right, ${data.ramp.join(", ")})`;
  ends.className = "ends";
  ends.append(make("span", number(low)), make("span", number(high)));
  legend.append(bar, ends);
  if (there.length < total) legend.append(entry("no value", data.missing, total - there.length, 0));
}

function onRamp(share) {
  const place = share * (data.ramp.length - 1), before = Math.min(Math.floor(place), data.ramp.length - 2);
  const mix = [1, 3, 5].map((digit) => {
    const [a, b] = [data.ramp[before], data.ramp[before + 1]].map((hex) => parseInt(hex.slice(digit, digit + 2), 16));
    return Math.round(a + (b - a) * (place - before));
  });
  return `rgb(${mix.join(",")})`;
}

function colorByCategory() {
  const named = Math.min(field.categories.length, data.palette.length), counts = new Array(named + 2).fill(0);
  colors = [...data.palette.slice(0, named), data.other, data.missing];
  field.codes.forEach((code, i) => {
    bucket[i] = code < 0 ? named + 1 : Math.min(code, named);
    counts[bucket[i]]++;
  });
  const names = [...field.categories.slice(0, named), `${field.categories.length - named} others`, "no value"];
  names.forEach((name, i) => counts[i] && legend.append(entry(name, colors[i], counts[i], i)));
}

function entry(name, color, count, which) {
  const button = make("button"), dot = make("i"), shown = make("span", name);
  dot.style.background = color;
  button.type = "button";
  button.title = name;
  button.setAttribute("aria-pressed", "false");
  button.append(dot, shown, make("small", count.toLocaleString("en")));
  button.addEventListener("click", () => {
    isolated = isolated === which ? null : which;
    for (const other of legend.querySelectorAll("button")) {
      other.setAttribute("aria-pressed", String(other === button && isolated !== null));
    }
    select();
  });
  return button;
}

function select() {
  const part = at("find").value.trim().toLowerCase();
  const found = labels.categories.map((label) => label.toLowerCase().includes(part));
  let shown = 0;
  for (let i = 0; i < total; i++) {
    const named = !part || (labels.codes[i] >= 0 && found[labels.codes[i]]);
    wanted[i] = named && (isolated === null || bucket[i] === isolated) ? 1 : 0;
    shown += wanted[i];
  }
  at("count").textContent = `${shown.toLocaleString("en")} of ${total.toLocaleString("en")} records shown`;
  if (hovered >= 0 && !wanted[hovered]) show(-1);
  redraw();
}
