// What small plots have in common: a canvas, measured only when its size changes, in the page's own ink.
export class InkPlot {
  width = 0;

  measure() {
    this.width = this.canvas.clientWidth;
    this.height = this.canvas.clientHeight;
    this.ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(this.width * this.ratio);
    this.canvas.height = Math.round(this.height * this.ratio);
    this.ink = getComputedStyle(this.canvas).color;
  }

  begin() {
    const context = this.canvas.getContext("2d");
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    context.font = "11px system-ui, sans-serif";
    context.fillStyle = context.strokeStyle = this.ink;
    context.lineWidth = 1;
    return context;
  }
}
