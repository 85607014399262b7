// The maths of the view of a scene: turning, projecting, what lies before what.

/** The 3 x 3 matrix (rows after one another) after a further turn by dragging [dx, dy] radians across the screen. */
export function turnBy(matrix, dx, dy) {
  // screen axes: right, down, away from the viewer
  const [cx, sx, cy, sy] = [Math.cos(dx), Math.sin(dx), Math.cos(dy), Math.sin(dy)];
  const aside = [cx, 0, -sx, 0, 1, 0, sx, 0, cx]; // what faces the viewer goes right
  const over = [1, 0, 0, 0, cy, -sy, 0, sy, cy]; // what faces the viewer goes down
  return multiply(over, multiply(aside, matrix));
}

export function multiply(a, b) {
  const out = new Array(9).fill(0);
  for (let i = 0; i < 3; i++) for (let j = 0; j < 3; j++) for (let k = 0; k < 3; k++) out[3 * i + j] += a[3 * i + k] * b[3 * k + j];
  return out;
}

/** Screen coordinates [right, down, away] of points (down, right, beam) about a centre, after a turn. */
export function project(positions, center, turn) {
  const out = new Float32Array(positions.length);
  for (let i = 0; i < positions.length; i += 3) {
    const right = positions[i + 1] - center[1];
    const down = positions[i] - center[0];
    const away = positions[i + 2] - center[2];
    for (let row = 0; row < 3; row++) out[i + row] = turn[3 * row] * right + turn[3 * row + 1] * down + turn[3 * row + 2] * away;
  }
  return out;
}

/** Indices of the chosen points from the farthest to the nearest, by counting in as many layers. */
export function fromTheBack(projected, chosen, layers = 1024) {
  let [low, high] = [Infinity, -Infinity];
  for (const index of chosen) {
    const depth = projected[3 * index + 2];
    if (depth < low) low = depth;
    if (depth > high) high = depth;
  }
  const layer = (index) => Math.min(layers - 1, Math.floor(((high - projected[3 * index + 2]) / (high - low || 1)) * layers));
  const starts = new Uint32Array(layers + 1);
  for (const index of chosen) starts[layer(index) + 1]++;
  for (let i = 0; i < layers; i++) starts[i + 1] += starts[i];
  const order = new Uint32Array(chosen.length);
  for (const index of chosen) order[starts[layer(index)]++] = index;
  return order;
}

/** Indices of the points whose coordinate along an axis (0 down, 1 right, 2 beam) is between two values. */
export function slice(positions, axis, low, high) {
  const chosen = [];
  for (let index = 0; index < positions.length / 3; index++) {
    const place = positions[3 * index + axis];
    if (place >= low && place <= high) chosen.push(index);
  }
  return Uint32Array.from(chosen);
}

/** The twelve edges of a box from the origin, as pairs of corners (down, right, beam). */
export function boxEdges(edges) {
  const corner = (bits) => edges.map((edge, axis) => ((bits >> axis) & 1) * edge);
  const pairs = [];
  for (let bits = 0; bits < 8; bits++) for (let axis = 0; axis < 3; axis++) if (!((bits >> axis) & 1)) pairs.push([corner(bits), corner(bits | (1 << axis))]);
  return pairs;
}
