// Centres of mass as arrows on the scan image. No document, no model.

/**
 * Mean shifts of the centre of mass in square blocks, as arrows in scan pixels, scaled so that a long one just fits.
 *
 * @param {Float32Array} moments  per position: intensity, and centre of mass (row, column) in detector pixels
 * @param {number[]} scan  rows and columns of the scan
 * @param {(row: number) => boolean} arrived  whether a scan row is known
 * @param {number} rotation  degrees anticlockwise on screen from the detector's kx axis to the scan's x axis
 * @returns {{arrows: number[][], longest: number}}  [row, column, down, right], and the longest shift in detector pixels
 */
export function massArrows(moments, [rows, columns], arrived, rotation, across = 20) {
  const block = Math.max(1, Math.ceil(Math.max(rows, columns) / across));
  const mean = (list) => list.reduce((sum, value) => sum + value, 0) / list.length;
  const blocks = [];
  for (let top = 0; top < rows; top += block) {
    for (let left = 0; left < columns; left += block) {
      const [downs, rights] = [[], []];
      const [bottom, right] = [Math.min(rows, top + block), Math.min(columns, left + block)];
      for (let row = top; row < bottom; row++) {
        if (!arrived(row)) continue;
        for (let column = left; column < right; column++) {
          const at = 3 * (row * columns + column);
          if (!Number.isFinite(moments[at + 1])) continue;
          downs.push(moments[at + 1]);
          rights.push(moments[at + 2]);
        }
      }
      if (downs.length) blocks.push([(top + bottom - 1) / 2, (left + right - 1) / 2, mean(downs), mean(rights)]);
    }
  }
  if (!blocks.length) return { arrows: [], longest: 0 };
  // against the mean: where the beam lies on the detector says nothing
  const middle = [mean(blocks.map(([, , down]) => down)), mean(blocks.map(([, , , right]) => right))];
  const [cosine, sine] = [Math.cos((rotation * Math.PI) / 180), Math.sin((rotation * Math.PI) / 180)];
  const shifts = blocks.map(([row, column, down, right]) => {
    const [y, x] = [down - middle[0], right - middle[1]];
    return [row, column, y * cosine + x * sine, x * cosine - y * sine];
  });
  const lengths = shifts.map(([, , down, right]) => Math.hypot(down, right)).sort((a, b) => a - b);
  const longest = lengths.at(-1);
  // a few outliers must not shrink all the others to nothing
  const usual = lengths[Math.floor(0.95 * (lengths.length - 1))] || longest || 1;
  const fitted = (down, right) => (0.9 * block) / Math.max(usual, Math.hypot(down, right));
  return { longest, arrows: shifts.map(([row, column, down, right]) => [row, column, down * fitted(down, right), right * fitted(down, right)]) };
}
