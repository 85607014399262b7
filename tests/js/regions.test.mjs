import assert from "node:assert/strict";
import test from "node:test";
import { massArrows } from "../../polwidgets/widgets/js/arrows.mjs";
import { positionsIn, rectangle, simplified } from "../../polwidgets/widgets/js/regions.mjs";

test("a rectangle holds the pixels from corner to corner", () => {
  const found = positionsIn(rectangle([3, 1], [1, 2]), [6, 5]);
  assert.deepEqual(found, [[1, 1], [1, 2], [2, 1], [2, 2], [3, 1], [3, 2]]);
});

test("a polygon holds what lies inside of it", () => {
  // a triangle with its right angle in the left upper corner
  assert.deepEqual(positionsIn([[-0.5, -0.5], [-0.5, 2.5], [2.5, -0.5]], [4, 4]), [[0, 0], [0, 1], [1, 0]]);
});

test("a long outline keeps its form with few corners", () => {
  const outline = Array.from({ length: 1000 }, (_, i) => [10 + 5 * Math.sin(i / 159.2), 10 + 5 * Math.cos(i / 159.2)]);
  const simple = simplified(outline);
  assert.ok(simple.length <= 64);
  assert.ok(Math.abs(positionsIn(simple, [20, 20]).length - positionsIn(outline, [20, 20]).length) <= 3);
});

test("arrows show how the centre of mass moves, in the scan's frame", () => {
  const scan = [4, 6];
  const moments = new Float32Array(3 * 24);
  for (let row = 0; row < 4; row++) for (let column = 0; column < 6; column++) moments.set([1, 30, 20 + (column < 3 ? -0.5 : 0.5)], 3 * (row * 6 + column));
  const { arrows, longest } = massArrows(moments, scan, () => true, 0);
  assert.equal(arrows.length, 24);
  assert.ok(Math.abs(longest - 0.5) < 1e-6);
  const [, , down, right] = arrows.find(([row, column]) => row === 1 && column === 4);
  assert.ok(Math.abs(down) < 1e-6 && Math.abs(right - 0.9) < 1e-6);
  // the scan's x axis points up on the detector, so what moves right there moves down here
  const turned = massArrows(moments, scan, () => true, 90).arrows.find(([row, column]) => row === 1 && column === 4);
  assert.ok(Math.abs(turned[2] - 0.9) < 1e-6 && Math.abs(turned[3]) < 1e-6);
  assert.equal(massArrows(moments, scan, (row) => row === 2, 0).arrows.length, 6);
});
