// A lattice on a pattern: [origin, a, b], each [row, column] in pixels, that can be taken by its three handles.
import { clamp } from "./maths.mjs";

const MOST = 60; // points along a direction

export const tip = ([origin, ...vectors], index) => origin.map((value, axis) => value + vectors[index][axis]);

/** All lattice points on a detector: [[row, column], [h, k]] each. */
export function latticePoints([origin, a, b], [rows, columns]) {
  const area = a[0] * b[1] - a[1] * b[0];
  if (Math.abs(area) < 4) return [];
  const corners = [[0, 0], [0, columns - 1], [rows - 1, 0], [rows - 1, columns - 1]].map((corner) => indicesOf([origin, a, b], corner));
  const range = (axis) => {
    const values = corners.map((corner) => corner[axis]);
    return [clamp(Math.ceil(Math.min(...values)), -MOST, MOST), clamp(Math.floor(Math.max(...values)), -MOST, MOST)];
  };
  const points = [];
  const [[h0, h1], [k0, k1]] = [range(0), range(1)];
  for (let h = h0; h <= h1; h++) {
    for (let k = k0; k <= k1; k++) {
      const place = origin.map((value, axis) => value + h * a[axis] + k * b[axis]);
      if (place[0] > -0.5 && place[1] > -0.5 && place[0] < rows - 0.5 && place[1] < columns - 0.5) points.push([place, [h, k]]);
    }
  }
  return points;
}

/** Fractional indices of a place. */
export function indicesOf([origin, a, b], place) {
  const area = a[0] * b[1] - a[1] * b[0];
  const [down, right] = place.map((value, axis) => value - origin[axis]);
  return [(down * b[1] - right * b[0]) / area, (a[0] * right - a[1] * down) / area];
}

/** The handle ("origin", "a", "b") within `reach` pixels of a place, or null; tips go before the origin. */
export function handleAt(lattice, place, reach) {
  const far = (other) => Math.hypot(place[0] - other[0], place[1] - other[1]);
  const handles = { a: tip(lattice, 0), b: tip(lattice, 1), origin: lattice[0] };
  return Object.keys(handles).find((name) => far(handles[name]) <= reach) ?? null;
}

/** The lattice with a handle moved to a place: the origin takes everything along, a tip turns and stretches its vector. */
export function moveHandle([origin, a, b], handle, place) {
  const vector = place.map((value, axis) => value - origin[axis]);
  return { origin: [place, a, b], a: [origin, vector, b], b: [origin, a, vector] }[handle].map((row) => [...row]);
}

/** Lengths and angle (degrees) of two vectors given in pixels of the given steps. */
export function cellOf([a, b], steps) {
  const [first, second] = [a, b].map((vector) => vector.map((value, axis) => value * steps[axis]));
  const [lengthA, lengthB] = [first, second].map((vector) => Math.hypot(...vector));
  const cosine = (first[0] * second[0] + first[1] * second[1]) / (lengthA * lengthB);
  return { a: lengthA, b: lengthB, gamma: (Math.acos(clamp(cosine, -1, 1)) * 180) / Math.PI };
}

/** The projected direct cell of a reciprocal one: lengths in the inverse unit, and its angle. */
export function directCell(cell) {
  const sine = Math.sin((cell.gamma * Math.PI) / 180);
  return { a: 1 / (cell.a * sine), b: 1 / (cell.b * sine), gamma: 180 - cell.gamma };
}

/** Index of the place nearest to a point within `reach`, or -1. */
export function nearest(places, at, reach) {
  let [best, least] = [-1, reach];
  places.forEach((place, i) => {
    const far = Math.hypot(place[0] - at[0], place[1] - at[1]);
    if (far <= least) [best, least] = [i, far];
  });
  return best;
}
