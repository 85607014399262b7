// Virtual detectors: how they are grabbed, dragged and stepped, and which parts of a detector row lie in them.
// No document, no model. Lengths are detector pixels; the centre of pixel 0 is 0; angles run anticlockwise on screen from +kx.
import { ARROWS, clamp } from "./maths.mjs";

/** @typedef {{shape: string, center: number[], inner: number, outer: number, angles: number[]}} Detector */

const PIXEL = 0.5; // half of it
const TURN = 5; // degrees a key turns

export const isRound = ({ shape }) => shape === "ring";
export const isQuadrants = ({ shape }) => shape.startsWith("quadrants");

/** Angle of a place about the centre in degrees. */
const angleOf = (center, [row, column]) => (Math.atan2(center[0] - row, column - center[1]) * 180) / Math.PI;

/** How far an angle lies from another, in [0, 360). */
const from = (angle, start) => (((angle - start) % 360) + 360) % 360;

/** The detector as ring sectors, each with the sign with which it counts. */
export function sectors(detector) {
  const { shape, angles: [start, stop] } = detector;
  if (shape === "ring") return [{ start: 0, width: 360, sign: 1 }];
  if (shape === "segment") return [{ start, width: clamp(stop - start, 0, 360), sign: 1 }];
  const middle = (start + stop) / 2 + (shape.endsWith("down") ? 90 : 0);
  return [{ start: middle - 45, width: 90, sign: 1 }, { start: middle + 135, width: 90, sign: -1 }];
}

/**
 * Parts of a line of constant row that lie in a detector, as [from, to, sign] in columns; a pixel's edges lie half a
 * pixel to either side of its centre.
 */
export function rowIntervals(detector, row) {
  const { shape, center, inner, outer } = detector;
  if (shape === "point") {
    const [nearestRow, nearestColumn] = center.map(Math.round);
    return Math.abs(row - nearestRow) < PIXEL ? [[nearestColumn - PIXEL, nearestColumn + PIXEL, 1]] : [];
  }
  const down = row - center[0];
  if (Math.abs(down) >= outer) return [];
  const half = Math.sqrt(outer * outer - down * down);
  const hole = inner > Math.abs(down) ? Math.sqrt(inner * inner - down * down) : 0;
  const found = [];
  for (const { start, width, sign } of sectors(detector)) {
    const edges = [-half, half];
    if (hole) edges.push(-hole, hole);
    if (width < 360) {
      for (const angle of [start, start + width]) {
        const [up, right] = [Math.sin((angle * Math.PI) / 180), Math.cos((angle * Math.PI) / 180)];
        // the ray meets the row where it points to the row's side of the centre
        if (Math.abs(up) > 1e-9 && -down / up > 0) edges.push((-down / up) * right);
      }
      edges.push(0); // where a row passes the centre the angle jumps
    }
    edges.sort((a, b) => a - b);
    for (let i = 1; i < edges.length; i++) {
      const [left, right] = [edges[i - 1], edges[i]];
      const middle = (left + right) / 2;
      if (right - left < 1e-9 || Math.abs(middle) > half || Math.abs(middle) < hole) continue;
      if (width < 360 && from(angleOf([0, 0], [down, middle]), start) > width) continue;
      found.push([center[1] + left, center[1] + right, sign]);
    }
  }
  return found;
}

/** Angles of a segment's two sides; of quadrants those of the first. */
export function sides(detector) {
  const [start, stop] = detector.angles;
  return isQuadrants(detector) ? [(start + stop) / 2 - 45, (start + stop) / 2 + 45] : [start, stop];
}

/** Which part of a detector is at [row, column]: "outer" or "inner" edge, "start" or "stop" side, "turn", "body", or null. */
export function grabDetector(detector, [row, column], reach) {
  const { shape, center, inner, outer } = detector;
  const radius = Math.hypot(row - center[0], column - center[1]);
  if (shape === "point") return radius <= Math.max(reach, 1) ? "body" : null;
  if (!isRound(detector) && radius > inner + reach && radius < outer - reach) {
    const names = ["start", "stop"];
    const distances = sides(detector).map((angle) => {
      const away = from(angleOf(center, [row, column]) - angle + 180, 0) - 180;
      return Math.abs(away) < 90 ? radius * Math.abs(Math.sin((away * Math.PI) / 180)) : Infinity;
    });
    const nearest = distances[0] <= distances[1] ? 0 : 1;
    // quadrants are turned as a whole
    if (distances[nearest] <= reach) return isQuadrants(detector) ? "turn" : names[nearest];
  }
  const fromOuter = Math.abs(radius - outer);
  const fromInner = inner > 0 ? Math.abs(radius - inner) : Infinity;
  // a small disk must stay movable: its edge takes only the outer half of the way to the centre
  if (Math.min(fromOuter, fromInner) <= Math.min(reach, radius < outer ? outer / 2 : reach)) {
    return fromOuter <= fromInner ? "outer" : "inner";
  }
  return radius < outer ? "body" : null;
}

/** The detector after its part was dragged from one [row, column] to another, kept within the pattern. */
export function dragDetector(detector, part, start, to, [rows, columns]) {
  const { center, inner, outer, angles } = detector;
  const radius = Math.hypot(to[0] - center[0], to[1] - center[1]);
  const largest = Math.hypot(rows, columns);
  if (part === "outer") return { ...detector, outer: clamp(radius, Math.max(0.5, inner + 0.5), largest) };
  if (part === "inner") return { ...detector, inner: clamp(radius, 0, outer - 0.5) };
  if (part === "start" || part === "stop") {
    const angle = angleOf(center, to);
    // a segment keeps at least five degrees, and at most the whole ring
    const width = clamp(part === "start" ? from(angles[1], angle) : from(angle, angles[0]), 5, 355);
    return { ...detector, angles: part === "start" ? [angles[1] - width, angles[1]] : [angles[0], angles[0] + width] };
  }
  if (part === "turn") return turned(detector, angleOf(center, to) - angleOf(center, start));
  const moved = [center[0] + to[0] - start[0], center[1] + to[1] - start[1]];
  return { ...detector, center: [clamp(moved[0], 0, rows - 1), clamp(moved[1], 0, columns - 1)] };
}

function turned(detector, angle) {
  const middle = (detector.angles[0] + detector.angles[1]) / 2;
  const back = middle + angle - (from(middle + angle + 180, 0) - 180); // whole turns are taken out
  return { ...detector, angles: detector.angles.map((side) => side + angle - back) };
}

const RESIZES = { "+": [0, 0.5], "=": [0, 0.5], "-": [0, -0.5], "]": [0.5, 0], "[": [-0.5, 0] };
const TURNS = { ".": [-TURN, -TURN], ",": [TURN, TURN], ">": [-TURN, TURN], "<": [TURN, -TURN] };

/**
 * The detector that a key leads to, or null for another key: arrows move, + and - change the outer, ] and [ the inner
 * radius, comma and full stop turn a segment, < and > make it narrower and wider.
 */
export function stepDetector(key, detector, shape, stride) {
  if (ARROWS[key]) {
    const [down, right] = ARROWS[key];
    return dragDetector(detector, "body", [0, 0], [stride * down, stride * right], shape);
  }
  if (TURNS[key] && !isRound(detector) && detector.shape !== "point") {
    const [start, stop] = TURNS[key];
    if (start === stop || isQuadrants(detector)) return turned(detector, start === stop ? start : 0);
    const width = clamp(detector.angles[1] + stop - detector.angles[0] - start, 10, 350);
    const middle = (detector.angles[0] + detector.angles[1]) / 2;
    return { ...detector, angles: [middle - width / 2, middle + width / 2] };
  }
  if (!RESIZES[key] || detector.shape === "point") return null;
  const [inward, outward] = RESIZES[key];
  const outer = clamp(detector.outer + outward, Math.max(0.5, detector.inner + 0.5), Math.hypot(...shape));
  return { ...detector, outer, inner: clamp(detector.inner + inward, 0, outer - 0.5) };
}
