// Drawing, moving about, and the record under the pointer. Goes on where map_colors.js ends.

function redraw() {
  if (!frame) frame = requestAnimationFrame(draw);
}

const radius = () => Math.max(2, Math.min(9, (56 / Math.sqrt(total + 1)) * (scale / home) ** 0.4 + 1.5));

function draw() {
  frame = 0;
  const dots = radius(), edge = getComputedStyle(canvas).getPropertyValue("--edge");
  pen.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
  pen.clearRect(0, 0, width, height);
  for (const pass of [0, 1]) {
    pen.globalAlpha = pass ? 0.92 : 0.1;
    pen.strokeStyle = edge;
    pen.lineWidth = dots > 3 ? 0.8 : 0;
    for (let i = 0; i < total; i++) if (wanted[i] === pass) dot(i, dots, pass && dots > 3);
  }
  pen.globalAlpha = 1;
  if (hovered >= 0) {
    pen.strokeStyle = getComputedStyle(canvas).getPropertyValue("--text");
    pen.lineWidth = 2;
    dot(hovered, dots + 2.5, true);
  }
  canvas.dataset.view = [scale, left, top].join(" ");
}

function dot(i, size, outlined) {
  const x = left + data.x[i] * scale, y = top + (1 - data.y[i]) * scale;
  if (x < -size || y < -size || x > width + size || y > height + size) return;
  pen.fillStyle = colors[bucket[i]];
  pen.beginPath();
  pen.arc(x, y, size, 0, 6.2832);
  pen.fill();
  if (outlined) pen.stroke();
}

// Moving about

function fit() {
  const box = canvas.getBoundingClientRect(), first = !width;
  [width, height] = [box.width, box.height];
  canvas.width = Math.round(width * devicePixelRatio);
  canvas.height = Math.round(height * devicePixelRatio);
  if (first) showAll();
  redraw();
}

function showAll() {
  scale = home = Math.max(40, Math.min(width, height) - 56);
  [left, top] = [(width - scale) / 2, (height - scale) / 2];
  redraw();
}

function zoom(factor, x = width / 2, y = height / 2) {
  const next = Math.max(home / 4, Math.min(home * 200, scale * factor));
  left = x - ((x - left) * next) / scale;
  top = y - ((y - top) * next) / scale;
  scale = next;
  redraw();
}

// The record under the pointer

function nearest(x, y) {
  let best = -1, least = Math.max(9, radius() + 3) ** 2;
  for (let i = 0; i < total; i++) {
    const dx = left + data.x[i] * scale - x, dy = top + (1 - data.y[i]) * scale - y;
    if (wanted[i] && dx * dx + dy * dy <= least) [best, least] = [i, dx * dx + dy * dy];
  }
  return best;
}

function show(i) {
  if (i === hovered) return;
  hovered = i;
  card.hidden = i < 0;
  if (i >= 0) fill(i);
  redraw();
}

function fill(i) {
  card.replaceChildren();
  if (data.pictures[i]) {
    const picture = make("img");
    picture.src = `data:image/jpeg;base64,${data.pictures[i]}`;
    picture.alt = "";
    card.append(picture);
  }
  const facts = make("dl");
  for (const one of data.fields.slice(1)) if (text(one, i)) facts.append(make("dt", one.name), make("dd", text(one, i)));
  card.append(make("b", text(labels, i) || "no label"), make("code", data.ids[i]), facts);
  const x = canvas.offsetLeft + left + data.x[i] * scale, y = canvas.offsetTop + top + (1 - data.y[i]) * scale;
  const right = x + 18 + card.offsetWidth <= canvas.offsetLeft + width;
  card.style.left = `${right ? x + 18 : Math.max(0, x - 18 - card.offsetWidth)}px`;
  card.style.top = `${Math.max(0, Math.min(y - 30, canvas.offsetTop + height - card.offsetHeight))}px`;
}

function step(by) {
  for (let n = 1; n <= total; n++) {
    const i = (((hovered < 0 && by < 0 ? 0 : hovered) + by * n) % total + total) % total;
    if (wanted[i]) return show(i);
  }
  return undefined;
}

canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  show(-1);
  zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0016)), event.offsetX, event.offsetY);
}, { passive: false });
canvas.addEventListener("pointerdown", (event) => {
  canvas.setPointerCapture(event.pointerId);
  drag = [event.offsetX - left, event.offsetY - top];
});
canvas.addEventListener("pointermove", (event) => {
  if (!drag) return show(nearest(event.offsetX, event.offsetY));
  [left, top] = [event.offsetX - drag[0], event.offsetY - drag[1]];
  show(-1);
  return redraw();
});
for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { drag = null; });
canvas.addEventListener("pointerleave", () => show(-1));
canvas.addEventListener("keydown", (event) => {
  const move = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }[event.key];
  const act = { "+": () => zoom(1.3), "=": () => zoom(1.3), "-": () => zoom(1 / 1.3), 0: showAll,
    n: () => step(1), p: () => step(-1), Escape: () => show(-1) }[event.key];
  if (event.ctrlKey || event.metaKey || event.altKey || !(move || act)) return;
  event.preventDefault();
  if (!"np".includes(event.key)) show(-1);
  if (move) [left, top] = [left + move[0], top + move[1]];
  if (act) act();
  redraw();
});
at("in").addEventListener("click", () => zoom(1.5));
at("out").addEventListener("click", () => zoom(1 / 1.5));
at("all").addEventListener("click", () => { show(-1); showAll(); });
at("find").addEventListener("input", select);
data.fields.forEach((one, i) => at("color").append(new Option(one.name, i)));
at("color").value = data.color;
at("color").addEventListener("change", () => chooseField(Number(at("color").value)));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
new ResizeObserver(fit).observe(canvas);
chooseField(data.color);
