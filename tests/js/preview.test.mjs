import assert from "node:assert/strict";
import test from "node:test";
import { Preview } from "../../polwidgets/widgets/js/preview.mjs";

const scan = [3, 4];
const detector = [11, 14];

/** Intensity of a cube in which no two axes look alike. */
const intensity = (y, x, ky, kx) => 5 + 3 * y + x + 2 * Math.sin(ky) + ky * 0.5 + kx * kx * 0.1 * (1 + x);

/** A preview of that cube whose patterns are binned and whose rows have arrived in this order. */
function makePreview(binning, bits, rows = [0, 2, 1]) {
  const shape = detector.map((size) => Math.ceil(size / binning));
  const preview = new Preview({ scan, detector, shape, binning, bits });
  const top = 2 ** bits - 1;
  for (const y of rows) {
    const values = [];
    for (let x = 0; x < scan[1]; x++) {
      for (let i = 0; i < shape[0]; i++) {
        for (let j = 0; j < shape[1]; j++) {
          let [sum, count] = [0, 0];
          for (let ky = i * binning; ky < Math.min(detector[0], (i + 1) * binning); ky++) {
            for (let kx = j * binning; kx < Math.min(detector[1], (j + 1) * binning); kx++, count++) sum += intensity(y, x, ky, kx);
          }
          values.push(sum / count);
        }
      }
    }
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const quantised = values.map((value) => Math.round(top * Math.sqrt((value - low) / (high - low))));
    preview.add(y, bits === 16 ? Uint16Array.from(quantised) : Uint8Array.from(quantised), low, high);
  }
  return preview;
}

/** Sum over a soft-edged ring, each pixel in 20 x 20 parts. */
function summed(y, x, { center, inner, outer }) {
  let total = 0;
  for (let ky = 0; ky < detector[0]; ky++) {
    for (let kx = 0; kx < detector[1]; kx++) {
      let inside = 0;
      for (let a = 0; a < 20; a++) {
        for (let b = 0; b < 20; b++) {
          const radius = Math.hypot(ky + (a + 0.5) / 20 - 0.5 - center[0], kx + (b + 0.5) / 20 - 0.5 - center[1]);
          inside += radius < outer && radius >= inner;
        }
      }
      total += (inside / 400) * intensity(y, x, ky, kx);
    }
  }
  return total;
}

test("a pattern comes back as it was, within its quantisation", () => {
  // an error of half a step of the root is at most range / (2 ** bits - 1); the range here is below 100
  for (const [bits, tolerance] of [[16, 100 / 65535], [8, 100 / 255]]) {
    const pattern = makePreview(1, bits).pattern([2, 3]);
    for (let ky = 0; ky < detector[0]; ky++) {
      for (let kx = 0; kx < detector[1]; kx++) {
        assert.ok(Math.abs(pattern[ky * detector[1] + kx] - intensity(2, 3, ky, kx)) < tolerance);
      }
    }
  }
});

test("images of disks and rings are the sums over them", () => {
  const preview = makePreview(1, 16);
  for (const ring of [
    { shape: "ring", center: [5, 6], inner: 0, outer: 3.3, angles: [0, 0] },
    { shape: "ring", center: [4.6, 7.9], inner: 1.7, outer: 4.2, angles: [0, 0] },
    { shape: "ring", center: [1, 12.5], inner: 0, outer: 4, angles: [0, 0] }, // cut by the detector's edge
    { shape: "ring", center: [5, 6], inner: 0, outer: 0.8, angles: [0, 0] },
  ]) {
    const image = preview.image(ring);
    for (let y = 0; y < scan[0]; y++) {
      for (let x = 0; x < scan[1]; x++) {
        const truth = summed(y, x, ring);
        const found = image[y * scan[1] + x];
        assert.ok(Math.abs(found - truth) < 0.02 * truth, `${JSON.stringify(ring)} at ${y}, ${x}: ${found} instead of ${truth}`);
      }
    }
  }
});

test("a detector over everything sums everything, binned or not", () => {
  let truth = 0;
  for (let ky = 0; ky < detector[0]; ky++) for (let kx = 0; kx < detector[1]; kx++) truth += intensity(1, 2, ky, kx);
  for (const binning of [1, 2, 4]) {
    const found = makePreview(binning, 16).image({ shape: "ring", center: [5, 6], inner: 0, outer: 50, angles: [0, 0] })[1 * scan[1] + 2];
    assert.ok(Math.abs(found - truth) < 1e-3 * truth, `binning ${binning}: ${found} instead of ${truth}`);
  }
});

test("rows that have not arrived repeat the nearest", () => {
  const preview = makePreview(1, 16, [2]);
  assert.equal(preview.complete, false);
  assert.deepEqual(preview.pattern([0, 1]), preview.pattern([2, 1]));
  const image = preview.image({ shape: "ring", center: [5, 6], inner: 0, outer: 3, angles: [0, 0] });
  assert.deepEqual(image.slice(0, 4), image.slice(8, 12));
  assert.equal(makePreview(1, 16, []).pattern([0, 0]), null);
  assert.equal(makePreview(1, 16, []).image({ shape: "ring", center: [5, 6], inner: 0, outer: 3, angles: [0, 0] }), null);
  assert.equal(makePreview(1, 16).complete, true);
});

test("centres of mass are those of the patterns", () => {
  for (const binning of [1, 2]) {
    const { moments } = makePreview(binning, 16);
    let [total, down, right] = [0, 0, 0];
    for (let ky = 0; ky < detector[0]; ky++) {
      for (let kx = 0; kx < detector[1]; kx++) {
        const value = intensity(2, 3, ky, kx);
        total += value;
        down += ky * value;
        right += kx * value;
      }
    }
    const found = moments.slice(3 * (2 * scan[1] + 3), 3 * (2 * scan[1] + 4));
    [total, down / total, right / total].forEach((truth, i) => assert.ok(Math.abs(found[i] - truth) < (binning === 1 ? 2e-4 : 0.02) * truth, `${found}`));
  }
});

test("the mean pattern of positions, and of those that have arrived", () => {
  const preview = makePreview(1, 16, [0, 2]);
  const mean = preview.meanPattern([[0, 1], [1, 2], [2, 3]]);
  assert.ok(Math.abs(mean[5] - (intensity(0, 1, 0, 5) + intensity(2, 3, 0, 5)) / 2) < 0.01);
  assert.equal(preview.meanPattern([[1, 1]]), null);
});
