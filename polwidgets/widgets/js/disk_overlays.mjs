// What lies on a nanobeam pattern: found disks with their errors and indices, and the lattice with its handles.
import { indicesOf, latticePoints, tip } from "./lattice.mjs";
import { toCanvas } from "./maths.mjs";

export const ON = "#35d0ff"; // disks on the lattice
export const OFF = "#ffb000"; // disks beside it
const PROPOSED = "#ffffff";
const LATTICE = "#7dff8a";
const HANDLES = { origin: "#ffffff", a: "#ff6b5e", b: "#ffe14d" };
export const MAGNIFIED = 20; // errors and deviations, which are some hundredths of a pixel
const LABEL_PX = 30; // a lattice finer than this on screen leaves no room for indices

/** Stroke a path in a dark casing, then in colour. */
function cased(context, color, width, path) {
  for (const [style, thickness] of [["rgba(0, 0, 0, 0.65)", width + 1.8], [color, width]]) {
    context.strokeStyle = style;
    context.lineWidth = thickness;
    context.beginPath();
    path();
    context.stroke();
  }
}

function text(context, words, x, y, color) {
  context.strokeStyle = "rgba(0, 0, 0, 0.8)";
  context.lineWidth = 3;
  context.strokeText(words, x, y);
  context.fillStyle = color;
  context.fillText(words, x, y);
}

/** Every disk's edge; white as long as it is only proposed. */
export function drawDisks(context, fit, { places, indices }, outline, chosen) {
  const groups = { [PROPOSED]: [], [OFF]: [], [ON]: [] };
  places.forEach((place, i) => groups[!indices ? PROPOSED : indices[i] ? ON : OFF].push(i));
  const edge = (place, scale = 1) => outline.forEach(([down, right], corner) => {
    const at = toCanvas(fit, [place[0] + scale * down, place[1] + scale * right]);
    if (corner) context.lineTo(...at);
    else context.moveTo(...at);
    if (corner === outline.length - 1) context.closePath();
  });
  for (const [color, members] of Object.entries(groups)) {
    if (members.length) cased(context, color, 1.5, () => members.forEach((i) => edge(places[i])));
  }
  if (places[chosen]) cased(context, PROPOSED, 2, () => edge(places[chosen], 1.25));
}

/** A cross as long as the error, and a line as long as the deviation from the lattice, both magnified. */
export function drawErrors(context, fit, { places, errors, indices }, lattice, radius) {
  if (!errors) return;
  const longest = 1.6 * radius; // a disk whose place is not known to a pixel shall not hide the others
  cased(context, ON, 1.2, () => places.forEach((place, i) => {
    const [x, y] = toCanvas(fit, place);
    const length = Math.min(errors[i] * MAGNIFIED, longest) * fit.zoom;
    context.moveTo(x - length, y);
    context.lineTo(x + length, y);
    context.moveTo(x, y - length);
    context.lineTo(x, y + length);
  }));
  if (!lattice) return;
  cased(context, OFF, 1.6, () => places.forEach((place, i) => {
    if (!indices?.[i]) return;
    const away = place.map((value, axis) => value - lattice[0][axis] - indices[i][0] * lattice[1][axis] - indices[i][1] * lattice[2][axis]);
    const scale = Math.min(MAGNIFIED, (2 * longest) / Math.hypot(...away));
    context.moveTo(...toCanvas(fit, place));
    context.lineTo(...toCanvas(fit, place.map((value, axis) => value + scale * away[axis])));
  }));
}

/** h k above every disk that lies on the lattice. */
export function drawIndices(context, fit, { places, indices }, lattice, radius) {
  if (!indices || !lattice || Math.min(...lattice.slice(1).map((vector) => Math.hypot(...vector))) * fit.zoom < LABEL_PX) return;
  context.font = "600 11px system-ui, sans-serif";
  context.textAlign = "center";
  places.forEach((place, i) => {
    if (!indices[i]) return;
    const [x, y] = toCanvas(fit, place);
    const words = indices[i].map((index) => (index < 0 ? `${-index}\u0305` : String(index))).join(" ");
    text(context, words, x, y - radius * fit.zoom - 4, "#fff");
  });
}

/** Points, and the two vectors with handles at their tips; `held` is the handle that the keys move. */
export function drawLattice(context, fit, lattice, shape, held, drawn) {
  const half = Math.max(3, Math.min(6, 0.12 * fit.zoom * Math.hypot(...lattice[1])));
  cased(context, LATTICE, 1.1, () => {
    for (const [place] of latticePoints(lattice, shape)) {
      const [x, y] = toCanvas(fit, place);
      context.moveTo(x - half, y);
      context.lineTo(x + half, y);
      context.moveTo(x, y - half);
      context.lineTo(x, y + half);
    }
  });
  const origin = toCanvas(fit, lattice[0]);
  if (drawn) context.setLineDash([7, 4]);
  for (const [index, name] of ["a", "b"].entries()) {
    const end = toCanvas(fit, tip(lattice, index));
    cased(context, HANDLES[name], 2, () => {
      context.moveTo(...origin);
      context.lineTo(...end);
    });
  }
  context.setLineDash([]);
  context.font = "italic 600 14px system-ui, sans-serif";
  context.textAlign = "left";
  for (const [name, at] of [["origin", origin], ["a", toCanvas(fit, tip(lattice, 0))], ["b", toCanvas(fit, tip(lattice, 1))]]) {
    context.beginPath();
    context.arc(...at, held === name ? 7 : 5, 0, 2 * Math.PI);
    context.fillStyle = HANDLES[name];
    context.fill();
    context.strokeStyle = "#000";
    context.lineWidth = held === name ? 2.5 : 1;
    context.stroke();
    if (name !== "origin") text(context, `${name}*`, at[0] + 9, at[1] + 14, HANDLES[name]);
  }
}

/** Indices of a place as words, for the readout. */
export const indexText = (lattice, place) => (lattice ? indicesOf(lattice, place).map((value) => value.toFixed(2)).join(", ") : "");
