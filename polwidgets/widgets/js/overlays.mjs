// What lies on top of the images: probe, semi-angle, virtual detector. Lines are twofold, so that they show on any ground.
import { isRound, sectors, sides } from "./detectors.mjs";
import { toCanvas } from "./maths.mjs";

const PROBE = "#35d0ff";
const DETECTOR = "#ffb000";
const NEGATIVE = "#4aa3ff";
const REGION = "#ff5fd2";
const ARROW = "#ffe14d";

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

/** The outline of a ring sector as a path, angles in degrees anticlockwise; the whole ring where the width is 360. */
function sectorPath(context, [x, y], inner, outer, { start, width }) {
  const [from, to] = [start, start + width].map((angle) => (-angle * Math.PI) / 180);
  if (width >= 360) {
    for (const radius of inner > 0 ? [outer, inner] : [outer]) {
      context.moveTo(x + radius, y);
      context.arc(x, y, radius, 0, 2 * Math.PI);
    }
    return;
  }
  context.moveTo(x + inner * Math.cos(from), y + inner * Math.sin(from));
  context.arc(x, y, outer, from, to, true);
  if (inner > 0) context.arc(x, y, inner, to, from, false);
  else context.lineTo(x, y);
  context.closePath();
}

/** A virtual detector with a handle on everything that can be dragged, cut at the pattern's border. */
export function drawDetector(context, fit, detector, [rows, columns]) {
  const { shape, center, inner, outer } = detector;
  const [x, y] = toCanvas(fit, shape === "point" ? center.map(Math.round) : center);
  const { left, top, zoom } = fit;
  context.save();
  context.beginPath();
  context.rect(left, top, zoom * columns, zoom * rows);
  context.clip();
  if (shape === "point") {
    strokeTwice(context, DETECTOR, 2, () => context.rect(x - zoom / 2 - 2, y - zoom / 2 - 2, zoom + 4, zoom + 4));
    context.restore();
    return;
  }
  for (const sector of sectors(detector)) {
    context.beginPath();
    sectorPath(context, [x, y], inner * zoom, outer * zoom, sector);
    context.fillStyle = sector.sign > 0 ? "rgba(255, 176, 0, 0.13)" : "rgba(60, 150, 255, 0.2)";
    context.fill("evenodd");
    strokeTwice(context, sector.sign > 0 ? DETECTOR : NEGATIVE, 1.8, () => sectorPath(context, [x, y], inner * zoom, outer * zoom, sector));
  }
  const round = isRound(detector);
  const angles = sides(detector).map((angle) => (-angle * Math.PI) / 180);
  const facing = round ? 0 : (angles[0] + angles[1]) / 2;
  handle(context, x + outer * zoom * Math.cos(facing), y + outer * zoom * Math.sin(facing));
  if (inner > 0) handle(context, x + inner * zoom * Math.cos(facing), y + inner * zoom * Math.sin(facing));
  if (!round) {
    const along = ((inner + outer) / 2) * zoom;
    for (const angle of angles) handle(context, x + along * Math.cos(angle), y + along * Math.sin(angle));
  }
  context.restore();
}

function handle(context, x, y) {
  context.fillStyle = DETECTOR;
  context.strokeStyle = "#000";
  context.lineWidth = 1;
  context.beginPath();
  context.arc(x, y, 5, 0, 2 * Math.PI);
  context.fill();
  context.stroke();
}

/** The outline of a region of the scan. */
export function drawRegion(context, fit, region) {
  if (region.length < 2) return;
  const corners = region.map((corner) => toCanvas(fit, corner));
  const path = () => {
    corners.forEach(([x, y]) => context.lineTo(x, y));
    context.closePath();
  };
  context.beginPath();
  path();
  context.fillStyle = "rgba(255, 255, 255, 0.12)";
  context.fill("evenodd");
  strokeTwice(context, REGION, 2, path);
}

/** Arrows [row, column, down, right] in scan pixels. */
export function drawArrows(context, fit, arrows) {
  strokeTwice(context, ARROW, 1.5, () => {
    for (const [row, column, down, right] of arrows) {
      const [[x0, y0], [x1, y1]] = [toCanvas(fit, [row - down / 2, column - right / 2]), toCanvas(fit, [row + down / 2, column + right / 2])];
      const [dx, dy] = [0.35 * (x1 - x0), 0.35 * (y1 - y0)];
      context.moveTo(x0, y0);
      context.lineTo(x1, y1);
      context.moveTo(x1 - dx + 0.6 * dy, y1 - dy - 0.6 * dx);
      context.lineTo(x1, y1);
      context.lineTo(x1 - dx - 0.6 * dy, y1 - dy + 0.6 * dx);
    }
  });
}
