// The preview of a cube that the browser holds, and the images of virtual detectors on it. No document, no model.
import { rowIntervals } from "./detectors.mjs";
import { clamp } from "./maths.mjs";

const SLICES = 4; // of a detector row: the soft edge of a detector

/**
 * The preview of a cube: whole patterns of the scan rows that have arrived, and, arranged by detector pixel, running sums
 * along detector rows, with which the image of any virtual detector costs a few array additions whatever its area.
 */
export class Preview {
  /**
   * @param {{scan: number[], detector: number[], shape: number[], binning: number, bits: number}} sizes
   *   scan and detector shape of the cube; shape, binning and bits of a preview pattern
   *   images: whether images and centres of mass will be asked for, or patterns only
   */
  constructor({ scan, detector, shape, binning, bits, images = true }) {
    Object.assign(this, { scan, detector, shape, binning, images });
    this.top = 2 ** bits - 1;
    this.rows = new Array(scan[0]).fill(null);
    this.arrived = 0;
    if (!images) return;
    // 64 MiB of running sums at most
    this.cell = binning;
    const positions = scan[0] * scan[1];
    const cells = (size) => Math.ceil(size / this.cell);
    while (positions * cells(detector[0]) * (cells(detector[1]) + 1) > 2 ** 24) this.cell += binning;
    this.cells = [cells(detector[0]), cells(detector[1])];
    // per position: intensity, and centre of mass (row, column) in detector pixels
    this.moments = new Float32Array(3 * positions);
    this.sums = new Float32Array(this.cells[0] * (this.cells[1] + 1) * positions);
  }

  get complete() {
    return this.arrived === this.scan[0];
  }

  /** Take a scan row: quantised square roots, (scan_x, ky, kx), between lowest and highest. */
  add(row, quantised, lowest, highest) {
    if (!this.rows[row]) this.arrived++;
    this.rows[row] = { quantised, lowest, factor: (highest - lowest) / (this.top * this.top) };
    if (!this.images) return;
    const [height, width] = this.shape;
    const [cellRows, cellColumns] = this.cells;
    const positions = this.scan[0] * this.scan[1];
    const pattern = new Float32Array(height * width);
    const sums = new Float32Array(cellRows * cellColumns);
    const grouped = this.cell / this.binning;
    for (let column = 0; column < this.scan[1]; column++) {
      this.pattern([row, column], pattern);
      sums.fill(0);
      let [total, totalRow, totalColumn] = [0, 0, 0];
      for (let y = 0, i = 0; y < height; y++) {
        const tall = Math.min(this.binning, this.detector[0] - y * this.binning);
        const first = Math.floor(y / grouped) * cellColumns;
        for (let x = 0; x < width; x++, i++) {
          const wide = Math.min(this.binning, this.detector[1] - x * this.binning);
          const counts = pattern[i] * tall * wide;
          sums[first + Math.floor(x / grouped)] += counts;
          total += counts;
          totalRow += counts * (y * this.binning + (tall - 1) / 2);
          totalColumn += counts * (x * this.binning + (wide - 1) / 2);
        }
      }
      const middle = total > 0 ? [totalRow / total, totalColumn / total] : [NaN, NaN];
      this.moments.set([total, ...middle], 3 * (row * this.scan[1] + column));
      let target = row * this.scan[1] + column;
      for (let y = 0; y < cellRows; y++) {
        let running = 0;
        this.sums[target] = 0;
        target += positions;
        for (let x = 0; x < cellColumns; x++, target += positions) {
          running += sums[y * cellColumns + x];
          this.sums[target] = running;
        }
      }
    }
  }

  /** The nearest scan row that has arrived, or -1. */
  nearestRow(row) {
    for (let distance = 0; distance < this.scan[0]; distance++) {
      if (this.rows[row - distance]) return row - distance;
      if (this.rows[row + distance]) return row + distance;
    }
    return -1;
  }

  /** The pattern at a probe position, or at the nearest that has arrived; null while there is none. */
  pattern([row, column], into = new Float32Array(this.shape[0] * this.shape[1])) {
    const nearest = this.nearestRow(row);
    if (nearest < 0) return null;
    const { quantised, lowest, factor } = this.rows[nearest];
    const start = column * into.length;
    for (let i = 0; i < into.length; i++) {
      const root = quantised[start + i];
      into[i] = lowest + root * root * factor;
    }
    return into;
  }

  /** Mean of the patterns at some positions [row, column] of rows that have arrived, at most `most` of them; or null. */
  meanPattern(positions, most = 256) {
    const arrived = positions.filter(([row]) => this.rows[row]);
    if (!arrived.length) return null;
    const step = Math.ceil(arrived.length / most);
    const chosen = arrived.filter((_, i) => i % step === 0);
    const [sum, one] = [new Float32Array(this.shape[0] * this.shape[1]), new Float32Array(this.shape[0] * this.shape[1])];
    for (const position of chosen) {
      this.pattern(position, one);
      for (let i = 0; i < sum.length; i++) sum[i] += one[i] / chosen.length;
    }
    return sum;
  }

  /** What each entry of the running sums contributes to a detector's image: [entry, weight] pairs. */
  weights(virtual) {
    const [cellRows, cellColumns] = this.cells;
    const nodes = cellColumns + 1;
    const dense = new Float64Array(cellRows * nodes);
    const add = (cellRow, edge, weight) => {
      const inside = clamp(edge, 0, this.detector[1]);
      const whole = Math.min(Math.floor(inside / this.cell), cellColumns - 1);
      const part = (inside - whole * this.cell) / Math.min(this.cell, this.detector[1] - whole * this.cell);
      dense[cellRow * nodes + whole] += weight * (1 - part);
      dense[cellRow * nodes + whole + 1] += weight * part;
    };
    for (let row = 0; row < this.detector[0]; row++) {
      const cellRow = Math.floor(row / this.cell);
      const tall = Math.min(this.cell, this.detector[0] - cellRow * this.cell);
      for (let slice = 0; slice < SLICES; slice++) {
        for (const [from, to, sign] of rowIntervals(virtual, row + (slice + 0.5) / SLICES - 0.5)) {
          const weight = sign / (SLICES * tall);
          // here pixel edges count from 0: the centre of pixel 0 is at 0.5
          add(cellRow, to + 0.5, weight);
          add(cellRow, from + 0.5, -weight);
        }
      }
    }
    const found = [];
    dense.forEach((weight, entry) => Math.abs(weight) > 1e-12 && found.push([entry, weight]));
    return found;
  }

  /** The image of a virtual detector, (scan_y, scan_x); rows that have not arrived repeat the nearest. Null if none has. */
  image(detector) {
    if (!this.arrived) return null;
    const positions = this.scan[0] * this.scan[1];
    const image = new Float32Array(positions);
    const weights = this.weights(detector);
    while (weights.length % 4) weights.push([0, 0]);
    // four at a time: passing over the image costs as much as what is added to it
    for (let w = 0; w < weights.length; w += 4) {
      const four = weights.slice(w, w + 4);
      const [s0, s1, s2, s3] = four.map(([entry]) => this.sums.subarray(entry * positions, (entry + 1) * positions));
      const [w0, w1, w2, w3] = four.map(([, weight]) => weight);
      for (let i = 0; i < positions; i++) image[i] += w0 * s0[i] + w1 * s1[i] + w2 * s2[i] + w3 * s3[i];
    }
    if (!this.complete) {
      const columns = this.scan[1];
      for (let row = 0; row < this.scan[0]; row++) {
        const nearest = this.nearestRow(row);
        if (nearest !== row) image.copyWithin(row * columns, nearest * columns, (nearest + 1) * columns);
      }
    }
    return image;
  }
}
