// Shows the page larger, `size` times. Places in pointer events and measured boxes are the screen's, whereas what draws on a page
// (Bokeh's figures, our canvases, their layouts) takes them for the page's own pixels: so that is what they are given.
const { body } = document;
if (!body.style.zoom) {
  const enlarged = () => Number(body.style.zoom) || 1;
  const measure = Element.prototype.getBoundingClientRect;
  Element.prototype.getBoundingClientRect = function () {
    const { x, y, width, height } = measure.call(this);
    const zoom = enlarged();
    return new DOMRect(x / zoom, y / zoom, width / zoom, height / zoom);
  };
  const events = MouseEvent.prototype;
  const scrolled = { pageX: ["clientX", "scrollX"], pageY: ["clientY", "scrollY"] };
  for (const name of ["clientX", "clientY", "x", "y"]) {
    const { get } = Object.getOwnPropertyDescriptor(events, name);
    Object.defineProperty(events, name, { configurable: true, enumerable: true, get() { return get.call(this) / enlarged(); } });
  }
  for (const [name, [place, by]] of Object.entries(scrolled)) {
    Object.defineProperty(events, name, { configurable: true, enumerable: true, get() { return this[place] + window[by]; } });
  }
}
body.style.zoom = size;
