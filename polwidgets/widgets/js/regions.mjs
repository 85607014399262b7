// Regions of the scan: polygons with corners [row, column] in scan pixels. No document, no model.

/** Corners of the rectangle that holds two positions, edges of their pixels included. */
export function rectangle([row, column], [otherRow, otherColumn]) {
  const [top, bottom] = [Math.min(row, otherRow) - 0.5, Math.max(row, otherRow) + 0.5];
  const [left, right] = [Math.min(column, otherColumn) - 0.5, Math.max(column, otherColumn) + 0.5];
  return [[top, left], [top, right], [bottom, right], [bottom, left]];
}

/** A hand-drawn outline with at most `most` corners: every so many of its points. */
export function simplified(outline, most = 64) {
  const step = Math.ceil(outline.length / most);
  return outline.filter((_, i) => i % step === 0).map((corner) => corner.map((value) => Math.round(100 * value) / 100));
}

/** Whether a position lies in a polygon, by the even-odd rule. */
export function contains(region, [row, column]) {
  let inside = false;
  region.forEach(([y, x], i) => {
    const [nextY, nextX] = region[(i + 1) % region.length];
    if (y > row !== nextY > row && column < x + ((row - y) / (nextY - y)) * (nextX - x)) inside = !inside;
  });
  return inside;
}

/** Positions of a scan that lie in a region. */
export function positionsIn(region, [rows, columns]) {
  const found = [];
  for (let row = 0; row < rows; row++) for (let column = 0; column < columns; column++) if (contains(region, [row, column])) found.push([row, column]);
  return found;
}
