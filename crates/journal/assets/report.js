// Draws the charts of a case and lets a reader look closer. All text of users enters the page as text nodes, never as
// markup. The numbers come ready from the program, by every axis: nothing is computed here but what is shown.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  // Lists of numbers stand once in the data, however many lines share them.
  for (const series of data.charts.flatMap((chart) => chart.byAxis).flatMap((drawn) => drawn.series))
    for (const key of ["x", "y", "low", "high"]) if (key in series) series[key] = data.lists[series[key]];
  const state = { axis: 0, zoom: null, hidden: new Set(), training: true };
  const PAD = { left: 58, right: 14, bottom: 40 };
  const HEIGHT = { wide: 400, narrow: 320 };
  const LETTER = 6.4; // pixels of an average letter of a label, to keep labels apart without measuring each
  const views = [];

  const element = (name, attributes = {}, ...children) => fill(document.createElement(name), attributes, children);
  const shape = (name, attributes = {}, ...children) =>
    fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
  function fill(made, attributes, children) {
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  // Numbers as they are written on axes and in the readout.
  const grouped = (x, digits) => x.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  function tickText(x, step) {
    const size = Math.abs(x);
    if (size < step * 1e-9) return "0";
    const digits = (unit) => Math.max(0, -Math.floor(Math.log10(step / unit) + 1e-9));
    if (size >= 1e7) return grouped(x / 1e6, digits(1e6)) + "M";
    if (size >= 1e4) return grouped(x / 1e3, digits(1e3)) + "k";
    return size < 2e-3 ? String(Number(x.toPrecision(4))) : grouped(x, digits(1));
  }
  function valueText(x) {
    const size = Math.abs(x);
    if (size !== 0 && (size < 1e-3 || size >= 1e9)) return x.toExponential(3);
    return size >= 1e4 || Number.isInteger(x) ? grouped(x, 0) : grouped(x, 4);
  }
  function ticks(low, high, most) {
    const raw = (high - low) / most;
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= raw * (1 - 1e-9));
    const found = [];
    for (let at = Math.ceil(low / step - 1e-9); at * step <= high + step * 1e-9; at++) found.push(at * step);
    return found.map((value) => ({ value, text: tickText(value, step) }));
  }
  function logTicks(low, high, most) {
    let found = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++)
      for (const factor of [1, 2, 5]) found.push(factor * 10 ** power);
    found = found.filter((value) => value >= low && value <= high);
    if (found.length < 3) return ticks(low, high, most);
    if (found.length > most) found = found.filter((value) => Math.abs(Math.log10(value) % 1) < 1e-9);
    return found.map((value) => ({ value, text: valueText(value) }));
  }

  // The mark of a point: another shape for each colour, as in the pictures, so that a print in grey can be read too.
  function point(color, x, y) {
    const corners = [
      "m-3.4,0a3.4,3.4 0 1 0 6.8,0a3.4,3.4 0 1 0 -6.8,0", "m-3,-3h6v6h-6", "m0,-4.2l3.9,7h-7.8", "m0,-4.3l4.3,4.3l-4.3,4.3l-4.3,-4.3",
    ];
    return `M${x.toFixed(1)},${y.toFixed(1)}${corners[(color + Math.floor(color / 8)) % 4]}z`;
  }

  const isShown = (series) =>
    !state.hidden.has(series.color) && (state.training || series.style !== "faint" || !series.name.endsWith(", training"));
  // The index of the first place at or behind x.
  function indexAt(places, x) {
    let low = 0, high = places.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (places[middle] < x) low = middle + 1; else high = middle;
    }
    return low;
  }
  function nearest(series, x) {
    const at = indexAt(series.x, x);
    if (at === 0) return 0;
    if (at === series.x.length) return at - 1;
    return x - series.x[at - 1] <= series.x[at] - x ? at - 1 : at;
  }

  class View {
    constructor(chart) {
      this.chart = chart;
      this.cursor = null;
      const unit = chart.yLabel.match(/\(.*\)/)?.[0] ?? chart.yLabel;
      const title = element("figcaption", {}, chart.title, element("small", {}, unit));
      this.plot = element("div", { class: "plot" });
      this.readout = element("div", { class: "readout", hidden: "" });
      this.spoken = element("p", { class: "spoken", "aria-live": "polite" });
      this.figure = element("figure", {}, title, this.plot, this.spoken);
      new ResizeObserver(() => this.draw()).observe(this.figure);
    }
    get drawn() { return this.chart.byAxis[state.axis]; }
    get shown() { return this.drawn.series.filter((series) => series.x.length > 0 && isShown(series)); }

    // The whole width of the axis, over all that is drawn, hidden or not, so that switching a variant off moves nothing.
    whole() {
      const ends = this.drawn.series.filter((series) => series.x.length).map((series) => series.x[series.x.length - 1]);
      return [0, Math.max(...ends, 0) || 1];
    }
    yRange([low, high]) {
      const values = [];
      for (const series of this.shown) {
        const from = Math.max(0, indexAt(series.x, low) - 1);
        const to = Math.min(series.x.length, indexAt(series.x, high) + 1);
        for (const list of [series.y, series.low ?? [], series.high ?? []]) values.push(...list.slice(from, to));
      }
      const isLog = this.drawn.log;
      const usable = (y) => Number.isFinite(y) && (!isLog || y > 0);
      const points = values.filter(usable);
      const levels = this.drawn.lines.filter((line) => line.always && usable(line.y)).map((line) => line.y);
      const all = state.zoom && points.length ? points : points.concat(levels);
      if (!all.length) return [0, 1, false];
      let least = all.reduce((a, b) => Math.min(a, b)), most = all.reduce((a, b) => Math.max(a, b));
      if (isLog) return [least / 1.1, most * 1.1, true];
      const margin = (most - least) * 0.05 || Math.abs(most) * 0.1 || 1;
      if (this.chart.zero && least >= 0 && !state.zoom) return [0, most + margin, false];
      return [least - margin, most + margin, false];
    }

    draw() {
      const width = Math.max(280, this.figure.clientWidth || 700);
      const height = width < 480 ? HEIGHT.narrow : HEIGHT.wide;
      const x = state.zoom ?? this.whole();
      const [yLow, yHigh, isLog] = this.yRange(x);
      const marks = this.placeMarks(x, width);
      const top = 12 + 16 * marks.rows;
      const [right, bottom] = [width - PAD.right, height - PAD.bottom];
      const share = isLog ? (y) => Math.log(y / yLow) / Math.log(yHigh / yLow) : (y) => (y - yLow) / (yHigh - yLow);
      this.place = {
        x, top, right, bottom, width,
        atX: (value) => PAD.left + ((value - x[0]) / (x[1] - x[0])) * (right - PAD.left),
        atY: (value) => bottom - share(value) * (bottom - top),
        valueAt: (pixel) => x[0] + ((pixel - PAD.left) / (right - PAD.left)) * (x[1] - x[0]),
      };
      const had = document.activeElement === this.svg;
      this.svg = shape("svg", {
        viewBox: `0 0 ${width} ${height}`, tabindex: "0", role: "application", "aria-roledescription": "chart",
        "aria-label": `${this.chart.title} by ${data.axes[state.axis].label}. Arrow keys read values, plus and minus zoom, 0 shows all.`,
      });
      this.grid(isLog ? logTicks(yLow, yHigh, 8) : ticks(yLow, yHigh, Math.max(3, Math.floor((bottom - top) / 44))));
      const clip = `clip-${views.indexOf(this)}`;
      const area = { x: PAD.left, y: top, width: right - PAD.left, height: bottom - top };
      this.svg.append(shape("clipPath", { id: clip }, shape("rect", area)));
      const inside = shape("g", { "clip-path": `url(#${clip})` });
      this.svg.append(inside);
      for (const mark of marks.placed) this.mark(mark);
      for (const series of this.shown) this.band(inside, series);
      for (const series of this.shown) this.line(inside, series);
      this.levels(inside, yLow, yHigh);
      if (!this.shown.length) {
        const middle = { x: (PAD.left + right) / 2, y: (top + bottom) / 2, "text-anchor": "middle" };
        this.svg.append(shape("text", middle, this.drawn.series.length ? "nothing is switched on" : "no values were recorded"));
      }
      this.over = shape("g");
      this.svg.append(this.over);
      this.listen();
      this.plot.replaceChildren(this.svg, this.readout);
      if (had) this.svg.focus({ preventScroll: true });
      this.read(this.cursor, false);
    }

    grid(yTicks) {
      const { x, top, right, bottom, atX, atY } = this.place;
      for (const { value, text } of yTicks) {
        this.svg.append(shape("line", { class: "grid", x1: PAD.left, x2: right, y1: atY(value), y2: atY(value) }));
        this.svg.append(shape("text", { x: PAD.left - 7, y: atY(value) + 4, "text-anchor": "end" }, text));
      }
      for (const { value, text } of ticks(x[0], x[1], Math.max(2, Math.floor((right - PAD.left) / 84)))) {
        this.svg.append(shape("line", { class: "grid", x1: atX(value), x2: atX(value), y1: top, y2: bottom }));
        const anchor = atX(value) > right - 14 ? "end" : "middle";
        this.svg.append(shape("text", { x: anchor === "end" ? right + 10 : atX(value), y: bottom + 16, "text-anchor": anchor }, text));
      }
      this.svg.append(shape("path", { class: "frame", d: `M${PAD.left},${top}V${bottom}H${right}` }));
      const name = data.axes[state.axis].label;
      this.svg.append(shape("text", { x: (PAD.left + right) / 2, y: bottom + 34, "text-anchor": "middle" }, name));
    }

    // Labels of moments, in as many rows above the plot as keep them apart; those of one name close together share one.
    placeMarks([low, high], width) {
      const span = width - PAD.left - PAD.right;
      const inside = this.drawn.marks.filter((mark) => mark.x >= low && mark.x <= high).sort((a, b) => a.x - b.x);
      const placed = [];
      for (const mark of inside) {
        const at = PAD.left + ((mark.x - low) / (high - low)) * span;
        const last = placed.findLast((other) => other.label === mark.label);
        const isClose = last && at - last.xs[last.xs.length - 1] < 24;
        if (isClose) last.xs.push(at); else placed.push({ label: mark.label, xs: [at] });
      }
      const ends = [];
      for (const mark of placed) {
        mark.text = mark.xs.length > 1 ? `${mark.label} × ${mark.xs.length}` : mark.label;
        const half = (mark.text.length * LETTER) / 2;
        mark.centre = Math.max(half + 2, Math.min(width - half - 2, mark.xs[0]));
        mark.row = ends.findIndex((end) => end + 8 <= mark.centre - half);
        if (mark.row < 0) mark.row = ends.push(0) - 1;
        ends[mark.row] = mark.centre + half;
      }
      return { placed, rows: ends.length };
    }
    mark({ text, xs, centre, row }) {
      const { top, bottom } = this.place;
      const y = top - 5 - 16 * row;
      for (const x of xs) this.svg.append(shape("line", { class: "mark", x1: x, x2: x, y1: y + 3, y2: bottom }));
      this.svg.append(shape("text", { class: "level-name", x: centre, y, "text-anchor": "middle" }, text));
    }

    // The part of a series that is in sight, with a point more on either side.
    part(series) {
      const from = Math.max(0, indexAt(series.x, this.place.x[0]) - 1);
      return [from, Math.min(series.x.length, indexAt(series.x, this.place.x[1]) + 1)];
    }
    path(series, values) {
      const { atX, atY } = this.place;
      const [from, to] = this.part(series);
      let path = "", pen = "M";
      for (let at = from; at < to; at++) {
        const y = atY(values[at]);
        if (values[at] === null || !Number.isFinite(y)) { pen = "M"; continue; }
        path += `${pen}${atX(series.x[at]).toFixed(1)},${y.toFixed(1)}`;
        pen = "L";
      }
      return path;
    }
    band(inside, series) {
      if (!series.low) return;
      const back = { ...series, x: series.x.slice().reverse() };
      const [from, to] = this.part(series);
      const { atX, atY } = this.place;
      let path = this.path(series, series.high);
      for (let at = to - 1; at >= from; at--) path += `L${atX(back.x[series.x.length - 1 - at]).toFixed(1)},${atY(series.low[at]).toFixed(1)}`;
      inside.append(shape("path", { class: `band c${series.color % 8}`, d: `${path}Z` }));
    }
    line(inside, series) {
      const isThick = series.style === "points";
      const dashes = series.style === "dashed" ? "6 3" : Math.floor(series.color / 8) % 2 ? "9 3" : "none";
      inside.append(shape("path", {
        class: `line c${series.color % 8}`, d: this.path(series, series.y), "stroke-dasharray": dashes,
        "stroke-width": isThick ? 2 : 1.1, "stroke-opacity": series.style === "faint" ? 0.65 : 1,
      }));
      const [from, to] = this.part(series);
      const { atX, atY } = this.place;
      let last = -Infinity;
      for (let at = from; isThick && at < to; at++) {
        const x = atX(series.x[at]);
        if (x - last < 13 || series.y[at] === null) continue;
        inside.append(shape("path", { class: `dot c${series.color % 8}`, d: point(series.color, x, atY(series.y[at])) }));
        last = x;
      }
    }
    levels(inside, low, high) {
      const { right, atY } = this.place;
      for (const line of this.drawn.lines.filter((line) => line.y >= low && line.y <= high)) {
        if (line.color !== null && state.hidden.has(line.color)) continue;
        const y = atY(line.y);
        const own = line.color === null ? "" : ` c${line.color % 8}`;
        inside.append(shape("line", { class: `level${own}`, x1: PAD.left, x2: right, y1: y, y2: y }));
        inside.append(shape("text", { class: "level-name", x: right - 6, y: y - 5, "text-anchor": "end" }, line.label));
      }
    }

    // What stands at a place: a line across, and a table beside it. `aloud` for those who do not see the table.
    read(x, aloud) {
      this.over.replaceChildren();
      const { top, bottom, right, atX, atY } = this.place;
      const named = this.shown.filter((series) => series.name);
      if (x === null || !named.length || x < this.place.x[0] || x > this.place.x[1]) {
        this.readout.hidden = true;
        return;
      }
      const at = atX(x);
      this.over.append(shape("line", { class: "cursor", x1: at, x2: at, y1: top, y2: bottom }));
      const rows = [], words = [];
      for (const series of named) {
        const index = nearest(series, x);
        const [place, value] = [series.x[index], series.y[index]];
        if (value === null || Math.abs(atX(place) - at) > 40) continue;
        const isInSight = place >= this.place.x[0] && place <= this.place.x[1];
        if (isInSight) this.over.append(shape("circle", { class: `dot c${series.color % 8}`, cx: atX(place), cy: atY(value), r: 4.5 }));
        const range = series.low ? `${valueText(series.low[index])} to ${valueText(series.high[index])}` : "";
        const sample = element("td", {}, element("span", { class: `swatch c${series.color % 8}` }));
        // Where nothing was measured at the cursor itself, the place is said.
        const elsewhere = Math.abs(atX(place) - at) > 2 ? `at ${valueText(place)}` : "";
        const name = series.name.split(": mean")[0];
        const numbers = [valueText(value), range, elsewhere].map((text) => element("td", { class: "n" }, text));
        rows.push(element("tr", {}, sample, element("td", {}, name), ...numbers));
        words.push(`${name} ${valueText(value)} ${elsewhere}`.trim());
      }
      const name = `${data.axes[state.axis].key} ${valueText(x)}`;
      this.readout.replaceChildren(element("strong", {}, name), element("table", {}, ...rows));
      this.readout.hidden = false;
      const width = this.plot.clientWidth;
      const scale = width / this.place.width;
      const isLeft = at > (PAD.left + right) / 2;
      // On a narrow screen there is no room beside the cursor, so the values stand below the chart.
      const isNarrow = width < 560;
      Object.assign(this.readout.style, {
        top: isNarrow ? "100%" : `${top + 6}px`,
        left: isNarrow ? "0" : isLeft ? "auto" : `${(at + 12) * scale}px`,
        right: isNarrow ? "0" : isLeft ? `${(this.place.width - at + 12) * scale}px` : "auto",
        maxWidth: isNarrow ? "none" : `${(isLeft ? at : this.place.width - at) * scale - 16}px`,
      });
      if (aloud) this.spoken.textContent = `${name}: ${words.join(", ")}`;
    }

    // The place of the finest line nearest to a value: the cursor stands where something was measured.
    snapped(x) {
      const finest = this.shown.filter((series) => series.name).sort((a, b) => b.x.length - a.x.length)[0];
      return finest ? finest.x[nearest(finest, x)] : null;
    }
    move(steps) {
      const finest = this.shown.filter((series) => series.name).sort((a, b) => b.x.length - a.x.length)[0];
      if (!finest) return;
      const [low, high] = this.place.x;
      const [from, to] = [indexAt(finest.x, low), indexAt(finest.x, high + (high - low) * 1e-9) - 1];
      const now = this.cursor === null ? (steps > 0 ? from - 1 : to + 1) : nearest(finest, this.cursor);
      // A line of thousands of points is walked in about a hundred steps.
      const pace = Math.max(1, Math.round((to - from) / 100));
      this.cursor = finest.x[Math.max(from, Math.min(to, now + steps * pace))];
      this.read(this.cursor, true);
    }
    listen() {
      const valueOf = (event) => {
        const box = this.svg.getBoundingClientRect();
        const pixel = ((event.clientX - box.left) / box.width) * this.place.width;
        return this.place.valueAt(Math.max(PAD.left, Math.min(this.place.right, pixel)));
      };
      let start = null;
      this.svg.addEventListener("pointerdown", (event) => {
        if (event.button !== 0 || event.pointerType === "touch") return;
        start = valueOf(event);
        this.svg.setPointerCapture(event.pointerId);
      });
      this.svg.addEventListener("pointermove", (event) => {
        this.cursor = this.snapped(valueOf(event));
        this.read(this.cursor, false);
        if (start === null) return;
        const [from, to] = [start, valueOf(event)].map(this.place.atX).sort((a, b) => a - b);
        const { top, bottom } = this.place;
        this.over.append(shape("rect", { class: "chosen", x: from, y: top, width: to - from, height: bottom - top }));
      });
      this.svg.addEventListener("pointerup", (event) => {
        if (start === null) return;
        const [from, to] = [start, valueOf(event)].sort((a, b) => a - b);
        start = null;
        if (this.place.atX(to) - this.place.atX(from) > 8) zoomTo([from, to]); else this.read(this.cursor, false);
      });
      this.svg.addEventListener("pointerleave", () => { if (start === null) { this.cursor = null; this.read(null, false); } });
      this.svg.addEventListener("dblclick", () => zoomTo(null));
      this.svg.addEventListener("keydown", (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey) return;
        const keys = {
          ArrowRight: () => this.move(event.shiftKey ? 10 : 1), ArrowLeft: () => this.move(event.shiftKey ? -10 : -1),
          Home: () => this.move(-Infinity), End: () => this.move(Infinity),
          "+": () => zoomBy(0.5, this), "=": () => zoomBy(0.5, this), "-": () => zoomBy(2, this),
          0: () => zoomTo(null), Escape: () => { this.cursor = null; zoomTo(null); },
        };
        if (!(event.key in keys)) return;
        event.preventDefault();
        keys[event.key]();
      });
    }
  }

  const drawAll = () => views.forEach((view) => view.draw());
  // All charts show the same stretch of the axis.
  function zoomTo(range) { state.zoom = range; drawAll(); }
  function zoomBy(factor, view = views[0]) {
    const whole = [0, Math.max(...views.map((view) => view.whole()[1]))];
    const [low, high] = state.zoom ?? whole;
    const middle = view.cursor ?? (low + high) / 2;
    const range = [middle - (middle - low) * factor, middle + (high - middle) * factor];
    const cut = [Math.max(whole[0], range[0]), Math.min(whole[1], range[1])];
    zoomTo(cut[0] <= whole[0] && cut[1] >= whole[1] ? null : cut);
  }

  function choices() {
    const axes = document.getElementById("axes");
    data.axes.forEach((axis, index) => {
      const input = element("input", { type: "radio", name: "axis", value: axis.key, ...(index === 0 ? { checked: "" } : {}) });
      input.addEventListener("change", () => {
        Object.assign(state, { axis: index, zoom: null });
        views.forEach((view) => { view.cursor = null; });
        drawAll();
      });
      axes.append(element("label", {}, input, axis.key));
    });
    const variants = document.getElementById("variants");
    for (const { name, color } of data.variants) {
      const input = element("input", { type: "checkbox", checked: "" });
      input.addEventListener("change", () => {
        if (input.checked) state.hidden.delete(color); else state.hidden.add(color);
        drawAll();
      });
      variants.append(element("label", {}, input, element("span", { class: `swatch c${color % 8}` }), name));
    }
    document.getElementById("training").addEventListener("change", (event) => { state.training = event.target.checked; drawAll(); });
    document.getElementById("in").addEventListener("click", () => zoomBy(0.5));
    document.getElementById("out").addEventListener("click", () => zoomBy(2));
    document.getElementById("whole").addEventListener("click", () => zoomTo(null));
    document.getElementById("theme").addEventListener("click", () => {
      const root = document.documentElement;
      const isDark = (root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
      root.dataset.theme = isDark ? "light" : "dark";
    });
  }

  choices();
  const home = document.getElementById("charts");
  for (const chart of data.charts) {
    const view = new View(chart);
    views.push(view);
    home.append(view.figure);
  }
  drawAll();
  addEventListener("beforeprint", () => { views.forEach((view) => { view.cursor = null; }); drawAll(); });
})();
