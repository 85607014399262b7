// Strain in the plane: other axes, the cell it deforms, and what lies along a line. Vectors are [down, right].

/** e_xx, e_yy, e_xy along an x axis turned by so many degrees anticlockwise on screen. */
export function turnTensor([xx, yy, xy], degrees) {
  const [c, s] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
  return [c * c * xx + s * s * yy + 2 * s * c * xy, s * s * xx + c * c * yy - 2 * s * c * xy, s * c * (yy - xx) + (c * c - s * s) * xy];
}

/** Their standard deviations, as if the three were independent. */
export function turnErrors([xx, yy, xy], degrees) {
  const [c, s] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
  return [Math.hypot(c * c * xx, s * s * yy, 2 * s * c * xy), Math.hypot(s * s * xx, c * c * yy, 2 * s * c * xy), Math.hypot(s * c * yy, s * c * xx, (c * c - s * s) * xy)];
}

/** A vector after the strain along axes turned by `axis` degrees, then the rotation; both exaggerated. */
export function deform([down, right], { strain: [xx, yy, xy], rotation, axis }, exaggeration) {
  const turn = (vector, degrees) => {
    const [c, s] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
    return [c * vector[0] - s * vector[1], s * vector[0] + c * vector[1]];
  };
  // on (x right, y up): y is minus down
  const [localDown, localRight] = turn([down, right], -axis);
  const [x, y] = [localRight, -localDown];
  const stretched = [x + exaggeration * (xx * x + xy * y), y + exaggeration * (xy * x + yy * y)];
  return turn(turn([-stretched[1], stretched[0]], axis), exaggeration * rotation);
}

/** Positions [row, column] along a line, one a scan step or closer, with their distance from its start in steps. */
export function alongLine([from, to], [rows, columns]) {
  const length = Math.hypot(to[0] - from[0], to[1] - from[1]);
  const count = Math.max(2, Math.ceil(length) + 1);
  return Array.from({ length: count }, (_, i) => {
    const part = i / (count - 1);
    const place = from.map((value, axis) => value + part * (to[axis] - value));
    const [row, column] = place.map(Math.round);
    return { distance: part * length, index: Math.min(Math.max(row, 0), rows - 1) * columns + Math.min(Math.max(column, 0), columns - 1) };
  });
}

/** Counts of finite values in even bins from low to high; what lies beyond counts in the outermost. */
export function histogram(values, [low, high], bins) {
  const counts = new Array(bins).fill(0);
  for (const value of values) {
    if (Number.isFinite(value)) counts[Math.min(bins - 1, Math.max(0, Math.floor(((value - low) / (high - low)) * bins)))]++;
  }
  return counts;
}
