// What lies on top of the images: probe, semi-angle, virtual detector. Lines are twofold, so that they show on any ground.
import { toCanvas } from "./maths.mjs";

const PROBE = "#35d0ff";
const DETECTOR = "#ffb000";

/** Stroke a path in a dark casing and then in colour. */
function strokeTwice(context, color, width, path) {
  for (const [style, thickness] of [["rgba(0, 0, 0, 0.6)", width + 1.7], [color, width]]) {
    context.strokeStyle = style;
    context.lineWidth = thickness;
    context.beginPath();
    path();
    context.stroke();
  }
}

/** Cross-hair with a square that leaves the probe position itself free. */
export function drawProbe(context, fit, probe, [rows, columns]) {
  const [x, y] = toCanvas(fit, probe);
  const { left, top, zoom } = fit;
  const gap = Math.max(5, zoom / 2 + 2);
  strokeTwice(context, PROBE, 1.4, () => {
    for (const [from, to] of [[left, x - gap], [x + gap, left + zoom * columns]]) {
      if (to > from) context.moveTo(from, y), context.lineTo(to, y);
    }
    for (const [from, to] of [[top, y - gap], [y + gap, top + zoom * rows]]) {
      if (to > from) context.moveTo(x, from), context.lineTo(x, to);
    }
    context.rect(x - gap, y - gap, 2 * gap, 2 * gap);
  });
}

/** A dashed circle about the beam, with what it means above it. */
export function drawAngle(context, fit, beam, radius, text) {
  const [x, y] = toCanvas(fit, beam);
  context.strokeStyle = "rgba(255, 255, 255, 0.75)";
  context.lineWidth = 1;
  context.setLineDash([4, 4]);
  context.beginPath();
  context.arc(x, y, radius * fit.zoom, 0, 2 * Math.PI);
  context.stroke();
  context.setLineDash([]);
  context.fillStyle = "#fff";
  context.strokeStyle = "#000";
  context.lineWidth = 3;
  context.font = "12px system-ui, sans-serif";
  context.textAlign = "center";
  context.strokeText(text, x, y - radius * fit.zoom - 6);
  context.fillText(text, x, y - radius * fit.zoom - 6);
}

/** Disk or ring with a handle on each edge, cut at the pattern's border. */
export function drawDetector(context, fit, { center, inner, outer }, [rows, columns]) {
  const [x, y] = toCanvas(fit, center);
  const { left, top, zoom } = fit;
  const edges = inner > 0 ? [outer, inner] : [outer];
  context.save();
  context.beginPath();
  context.rect(left, top, zoom * columns, zoom * rows);
  context.clip();
  context.beginPath();
  for (const radius of edges) context.arc(x, y, radius * zoom, 0, 2 * Math.PI), context.closePath();
  context.fillStyle = "rgba(255, 176, 0, 0.13)";
  context.fill("evenodd");
  for (const radius of edges) {
    strokeTwice(context, DETECTOR, 1.8, () => context.arc(x, y, radius * zoom, 0, 2 * Math.PI));
    context.fillStyle = DETECTOR;
    context.strokeStyle = "#000";
    context.lineWidth = 1;
    context.beginPath();
    context.arc(x + radius * zoom, y, 5, 0, 2 * Math.PI);
    context.fill();
    context.stroke();
  }
  context.restore();
}
