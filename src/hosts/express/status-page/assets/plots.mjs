/* global document, window, uPlot, ResizeObserver, getComputedStyle */
import { duration, el, short } from "./dom.mjs";

const HEIGHT = 84;
/** Between two times on the axis, s. */
const MINUTES = [60, 120, 300, 600];
/** Connections come whole. */
const WHOLE = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];

const ink = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** Lines differ by dash as well as by colour. */
const dashes = { solid: undefined, dashed: [6, 3], dotted: [2, 3] };

const units = {
  perSecond: (value) => `${short(value)}/s`,
  ms: (value) => duration(value),
  plain: (value) => short(value),
};

/** A small plot over the window, with a key, and with its content as words for those who do not see it. */
export class Plot {
  constructor({ title, unit, lines }) {
    this.unit = units[unit];
    this.isWhole = unit === "plain";
    this.lines = lines;
    this.canvas = el("div", { class: "canvas", role: "img", "aria-label": title });
    const key = el("span", { class: "key", "aria-hidden": "true" });
    for (const { label, colour, dash = "solid" } of lines)
      key.append(el("span", { class: `line ${dash}`, "data-colour": colour }, label));
    this.node = el("figure", { class: "plot" }, el("figcaption", {}, el("span", {}, title), key), this.canvas);
    new ResizeObserver(() => this.fit()).observe(this.canvas);
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
  }

  /** @param columns values of each line over `times` (s) */
  update({ times, columns, range, words }) {
    this.range = range;
    this.data = [times, ...columns];
    if (this.canvas.getAttribute("aria-label") !== words) this.canvas.setAttribute("aria-label", words);
    if (this.plot) this.plot.setData(this.data);
    else this.draw();
  }

  fit() {
    const width = this.canvas.clientWidth;
    if (this.plot && width > 0 && width !== this.plot.width) this.plot.setSize({ width, height: HEIGHT });
    else if (!this.plot) this.draw();
  }

  redraw() {
    this.plot?.destroy();
    this.plot = undefined;
    this.draw();
  }

  draw() {
    const width = this.canvas.clientWidth;
    if (width === 0 || !this.data) return;
    const axis = { stroke: ink("muted"), font: "10px system-ui, sans-serif", ticks: { show: false }, gap: 3 };
    this.plot = new uPlot(
      {
        width,
        height: HEIGHT,
        legend: { show: false },
        cursor: { show: false },
        padding: [6, 16, 0, 0],
        scales: {
          x: { range: () => this.range },
          y: { range: (_plot, _least, most) => [0, most > 0 ? most * 1.15 : 1] },
        },
        axes: [
          {
            ...axis,
            size: 16,
            space: 55,
            incrs: MINUTES,
            grid: { show: false },
            values: (_plot, at) => at.map(minuteOf),
          },
          {
            ...axis,
            size: 48,
            space: 26,
            grid: { stroke: ink("line"), width: 1 },
            ...(this.isWhole && { incrs: WHOLE }),
            // The line at the bottom is nothing, as it looks; its label would stand on those of the times.
            values: (_plot, values) => values.map((value) => (value === 0 ? "" : this.unit(value))),
          },
        ],
        series: [
          {},
          ...this.lines.map(({ colour, dash, fill }) => ({
            stroke: ink(colour),
            width: 1.5,
            dash: dashes[dash],
            spanGaps: true,
            points: { size: 4 },
            ...(fill && { fill: `${ink(colour)}22` }),
          })),
        ],
      },
      this.data,
      this.canvas,
    );
  }
}

function minuteOf(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
}
