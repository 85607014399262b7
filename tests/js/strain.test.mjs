import assert from "node:assert/strict";
import test from "node:test";
import { cellOf, directCell, handleAt, indicesOf, latticePoints, moveHandle, nearest, tip } from "../../polwidgets/widgets/js/lattice.mjs";
import { alongLine, deform, histogram, turnErrors, turnTensor } from "../../polwidgets/widgets/js/strain.mjs";
import { panBy, zoomAbout } from "../../polwidgets/widgets/js/zoom.mjs";

const close = (found, wanted, tolerance = 1e-9) => found.forEach((value, i) => assert.ok(Math.abs(value - wanted[i]) < tolerance, `${found} is not ${wanted}`));
const LATTICE = [[20, 31], [7, 1], [-2, 9]];

test("a quarter turn swaps the strains and the sign of the shear", () => {
  close(turnTensor([0.01, -0.02, 0.005], 90), [-0.02, 0.01, -0.005]);
  close(turnErrors([1, 2, 3], 90), [2, 1, 3]);
});

test("pure shear along the axes is stretch along the diagonal", () => close(turnTensor([0, 0, 0.01], 45), [0.01, -0.01, 0]));

test("a deformation does not depend on the axes it is told along", () => {
  const strain = [0.02, -0.01, 0.006];
  for (const axis of [0, 30, -75]) {
    const moved = deform([3, -2], { strain: turnTensor(strain, axis), rotation: 4, axis }, 1);
    close(moved, deform([3, -2], { strain, rotation: 4, axis: 0 }, 1));
  }
});

test("strain along x stretches to the right, and a rotation turns anticlockwise on screen", () => {
  close(deform([0, 1], { strain: [0.5, 0, 0], rotation: 0, axis: 0 }, 1), [0, 1.5]);
  close(deform([0, 1], { strain: [0, 0, 0], rotation: 90, axis: 0 }, 1), [-1, 0]);
  close(deform([1, 0], { strain: [0, 0.1, 0], rotation: 0, axis: 0 }, 2), [1.2, 0]);
});

test("lattice points are all points on the detector", () => {
  const points = latticePoints(LATTICE, [45, 60]);
  for (const [place, index] of points) close(indicesOf(LATTICE, place), index);
  // as many as fit by area, give or take the border
  assert.ok(Math.abs(points.length - (45 * 60) / 65) < 8);
  assert.deepEqual(latticePoints([[0, 0], [1, 2], [2, 4]], [10, 10]), []);
});

test("handles are found and moved", () => {
  assert.equal(handleAt(LATTICE, [27.5, 32], 2), "a");
  assert.equal(handleAt(LATTICE, tip(LATTICE, 1), 1), "b");
  assert.equal(handleAt(LATTICE, [20, 31], 1), "origin");
  assert.equal(handleAt(LATTICE, [0, 0], 3), null);
  assert.deepEqual(moveHandle(LATTICE, "origin", [1, 2]), [[1, 2], [7, 1], [-2, 9]]);
  assert.deepEqual(moveHandle(LATTICE, "b", [20, 41]), [[20, 31], [7, 1], [0, 10]]);
});

test("cells: lengths, angles, and the direct cell of a reciprocal one", () => {
  const cell = cellOf([[0, 4], [-3, 0]], [0.1, 0.1]);
  close([cell.a, cell.b, cell.gamma], [0.4, 0.3, 90]);
  const direct = directCell({ a: 1, b: 1, gamma: 60 });
  close([direct.a, direct.b, direct.gamma], [2 / Math.sqrt(3), 2 / Math.sqrt(3), 120]);
});

test("the nearest disk within reach", () => {
  assert.equal(nearest([[1, 1], [4, 4]], [3.5, 4], 2), 1);
  assert.equal(nearest([[1, 1]], [9, 9], 2), -1);
});

test("a profile goes from end to end", () => {
  const along = alongLine([[0, 0], [3, 4]], [5, 6]);
  assert.equal(along.at(0).index, 0);
  assert.equal(along.at(-1).index, 3 * 6 + 4);
  assert.equal(along.at(-1).distance, 5);
});

test("a histogram counts every finite value once", () => assert.deepEqual(histogram([-5, -0.1, 0.1, 0.9, NaN, 7], [-1, 1], 4), [1, 1, 1, 2]));

test("zooming keeps the place under the pointer and never shows less than the whole", () => {
  const whole = { zoom: 2, left: 10, top: 0 };
  const [shape, size] = [[50, 40], [100, 100]];
  const near = zoomAbout(whole, whole, shape, size, [50, 40], 3);
  close([(50 - near.left) / near.zoom, (40 - near.top) / near.zoom], [20, 20]);
  assert.deepEqual(zoomAbout(near, whole, shape, size, [50, 40], 0.01), whole);
  const moved = panBy(near, whole, shape, size, [1000, -1000]);
  close([moved.left, moved.top], [0, 100 - 50 * near.zoom]);
});
