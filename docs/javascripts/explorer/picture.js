// The picture: a band, a median, a mean and real networks over the layers, on a logarithmic scale; and all that as a table.
(() => {
  const explorer = (globalThis.companionExplorer ??= {});
  const LEFT = 50, RIGHT = 58, TOP = 10, BOTTOM = 38, GAP = 15;
  const SUPERSCRIPT = Object.fromEntries([..."-0123456789"].map((c, k) => [c, "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"[k]]));
  const power = (exponent) => `10${[...String(exponent)].map((c) => SUPERSCRIPT[c]).join("")}`;
  const tick = (exponent) => (Math.abs(exponent) <= 3 ? String(Number(`1e${exponent}`)) : power(exponent));

  // A number by its natural logarithm, to two digits: 0.13, 4.5, 3.1 · 10⁻¹².
  explorer.number = (log) => {
    if (log === -Infinity) return "0";
    let exponent = Math.floor(log / Math.LN10), front = Math.exp(log - exponent * Math.LN10);
    if (front >= 9.95) { front = 1; exponent += 1; }
    if (exponent >= -3 && exponent <= 3) return String(Number(Math.exp(log).toPrecision(2)));
    return `${Number(front.toPrecision(2))}\u00a0·\u00a0${power(exponent)}`;
  };

  // Whole powers of ten around all that is drawn, few enough to be read.
  const scale = ({ predicted, lines }) => {
    let lowest = 0, highest = 0;
    for (const values of [predicted.low, predicted.high, predicted.mean ?? [], ...lines])
      for (const value of values) if (Number.isFinite(value)) {
        lowest = Math.min(lowest, value / Math.LN10);
        highest = Math.max(highest, value / Math.LN10);
      }
    if (highest - lowest < 0.5) { lowest -= 0.5; highest += 0.5; }
    const step = [1, 2, 5, 10, 20, 50, 100, 200, 500].find((each) => (highest - lowest) / each <= 5);
    lowest = Math.floor(lowest / step) * step;
    highest = Math.ceil(highest / step) * step;
    const ticks = Array.from({ length: Math.round((highest - lowest) / step) + 1 }, (_, k) => lowest + k * step);
    return { lowest, highest, ticks };
  };

  // Where layer and logarithm are in a panel of this size.
  const frame = (panel, width, height) => {
    const last = panel.predicted.median.length - 1, { lowest, highest, ticks } = scale(panel);
    const right = width - RIGHT, bottom = height - BOTTOM, whole = right - LEFT;
    const x = (l) => LEFT + (last ? (whole * l) / last : whole / 2);
    const y = (log) => TOP + ((bottom - TOP) * (highest - log / Math.LN10)) / (highest - lowest);
    return { last, ticks, right, bottom, x, y };
  };

  const text = (x, y, kind, what) => `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" class="${kind}">${what}</text>`;
  const path = (kind, way) => `<path class="${kind}" d="${way}"/>`;
  const along = (values, { x, y }) => {
    const gone = values.findIndex((value) => !Number.isFinite(value));
    const shown = Array.from(gone < 0 ? values : values.slice(0, gone));
    return shown.map((value, l) => `${l ? "L" : "M"}${x(l).toFixed(1)} ${y(value).toFixed(1)}`).join("");
  };

  const axes = ({ layer, axis }, { last, ticks, right, bottom, x, y }) => {
    const middle = (LEFT + right) / 2, every = [1, 2, 5, 10, 20, 25, 50].find((step) => last / step <= 5.5);
    const marks = new Set([0, last]);
    for (let l = 0; l <= last; l++) if (layer(l) % every === 0 && x(l) - LEFT > 28 && right - x(l) > 28) marks.add(l);
    return [
      ...ticks.map((t) => {
        const at = y(t * Math.LN10), line = path(t ? "grid" : "grid one", `M${LEFT} ${at.toFixed(1)}H${right}`);
        return line + text(LEFT - 7, at + 4, "tick end", tick(t));
      }),
      ...[...marks].map((l) => text(x(l), bottom + 16, "tick middle", layer(l))),
      text(middle, bottom + 33, "tick middle axis", axis),
    ];
  };

  const networks = (lines, place) => lines.map((values) => {
    const gone = values.indexOf(-Infinity);
    const end = gone > 0 ? text(place.x(gone - 1), place.y(values[gone - 1]) + 5, "gone", "×") : "";
    return path("network", along(values, place)) + end;
  });

  // Names at the right ends of the lines, moved apart where they would be on top of each other.
  const names = (predicted, { last, right, bottom, y }) => {
    const ends = [["95 %", "high", "edge"], ["median", "median", "median"], ["5 %", "low", "edge"]];
    if (predicted.mean) ends.unshift(["mean", "mean", "mean"]);
    const placed = ends.map(([what, name, kind]) => ({ what, kind, at: y(predicted[name][last]) }));
    placed.sort((a, b) => a.at - b.at);
    placed.forEach((each, k) => { each.at = Math.max(each.at, k ? placed[k - 1].at + GAP : TOP + 4); });
    placed.reverse().forEach((each, k) => { each.at = Math.min(each.at, k ? placed[k - 1].at - GAP : bottom); });
    return placed.map(({ what, kind, at }) => text(right + 6, at + 4, `label ${kind}`, what));
  };

  // A panel as SVG. ``predicted``: mean (or null), median, low, high; ``lines``: one array a network; ``layer`` says
  // which layer is at place l from the left.
  explorer.panel = (panel, { width, height }) => {
    const { name, predicted, lines, title } = panel, place = frame(panel, width, height), { x, y, bottom } = place;
    const back = Array.from(predicted.low, (value, l) => `L${x(l).toFixed(1)} ${y(value).toFixed(1)}`).reverse();
    const parts = [
      ...axes(panel, place),
      path("band", `${along(predicted.high, place)}${back.join("")}Z`),
      ...networks(lines, place),
      predicted.mean ? path("mean", along(predicted.mean, place)) : "",
      path("median", along(predicted.median, place)),
      ...names(predicted, place),
      `<path class="guide" d="M0 ${TOP}V${bottom}" transform="translate(-9)"/>`,
    ];
    const named = `data-panel="${name}" role="img" aria-label="${title}"`;
    return `<svg ${named} viewBox="0 0 ${width} ${height}">${parts.join("")}</svg>`;
  };

  // Which layer is at a place from the left of a panel, where exactly, and what is predicted there.
  explorer.under = ({ predicted, layer, unit }, width, place) => {
    const last = predicted.median.length - 1, whole = width - RIGHT - LEFT;
    const l = Math.min(last, Math.max(0, Math.round(((place - LEFT) / whole) * last)));
    const at = (name) => explorer.number(predicted[name][l]), mean = predicted.mean ? `mean ${at("mean")}, ` : "";
    const told = `${unit} ${layer(l)}: ${mean}median ${at("median")}, band ${at("low")} to ${at("high")}`;
    return { x: LEFT + (last ? (whole * l) / last : whole / 2), told };
  };

  const middle = (values) => {
    const sorted = [...values].sort((a, b) => a - b), upper = Math.floor(sorted.length / 2), lower = sorted.length - 1 - upper;
    return sorted[lower] === -Infinity ? -Infinity : (sorted[lower] + sorted[upper]) / 2;
  };

  // The same at six layers, as a table.
  explorer.table = ({ predicted, lines, layer, title, unit }) => {
    const last = predicted.median.length - 1, rows = new Set([0, 1, 2, 3, 4, 5].map((k) => Math.round((k * last) / 5)));
    const columns = [["median", "median"], ["5 %", "low"], ["95 %", "high"]];
    if (predicted.mean) columns.unshift(["mean", "mean"]);
    const drawn = (l) => explorer.number(middle(lines.map((values) => values[l])));
    const body = [...rows].map((l) => {
      const cells = columns.map(([, name]) => explorer.number(predicted[name][l]));
      if (lines.length) cells.push(drawn(l));
      return `<tr><th scope="row">${layer(l)}</th>${cells.map((cell) => `<td>${cell}</td>`).join("")}</tr>`;
    });
    const head = [unit, ...columns.map(([what]) => what), ...(lines.length ? ["median of those drawn"] : [])];
    const heads = head.map((what) => `<th scope="col">${what}</th>`).join("");
    return `<table><caption>${title}</caption><thead><tr>${heads}</tr></thead><tbody>${body.join("")}</tbody></table>`;
  };
})();
