// The picture: a band, a median, a mean and real networks over the layers, on a logarithmic scale; and the same as a table.
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
  const scale = (values) => {
    let lowest = 0, highest = 0;
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

  const path = (values, x, y) => {
    let text = "";
    for (let l = 0; l < values.length && Number.isFinite(values[l]); l++)
      text += `${l ? "L" : "M"}${x(l).toFixed(1)} ${y(values[l]).toFixed(1)}`;
    return text;
  };

  // Labels at the right end, moved apart where they would be on top of each other.
  const labels = (entries, top, bottom) => {
    entries.sort((a, b) => a.y - b.y);
    entries.forEach((e, k) => { e.y = Math.max(e.y, k ? entries[k - 1].y + GAP : top); });
    for (let k = entries.length - 1, limit = bottom; k >= 0; k--) limit = (entries[k].y = Math.min(entries[k].y, limit)) - GAP;
    return entries;
  };

  // ``lines``: one array a network; ``layer`` says which layer is at place l from the left.
  explorer.panel = ({ predicted, lines, layer, axis, title, width, height }) => {
    const last = predicted.median.length - 1;
    const { lowest, highest, ticks } = scale([...predicted.low, ...predicted.high, ...(predicted.mean ?? []), ...lines.flatMap((v) => [...v])]);
    const right = width - RIGHT, bottom = height - BOTTOM;
    const x = (l) => LEFT + (right - LEFT) * (last ? l / last : 0.5);
    const y = (log) => TOP + (bottom - TOP) * (highest - log / Math.LN10) / (highest - lowest);
    const parts = ticks.map((t) => {
      const at = y(t * Math.LN10).toFixed(1);
      return `<path class="grid${t ? "" : " one"}" d="M${LEFT} ${at}H${right}"/><text x="${LEFT - 7}" y="${Number(at) + 4}" class="tick end">${tick(t)}</text>`;
    });
    const every = [1, 2, 5, 10, 20, 25, 50].find((step) => last / step <= 5.5);
    const marks = new Set([0, last]);
    for (let l = 0; l <= last; l++) if (layer(l) % every === 0 && x(l) - LEFT > 28 && right - x(l) > 28) marks.add(l);
    for (const l of marks) parts.push(`<text x="${x(l).toFixed(1)}" y="${bottom + 16}" class="tick middle">${layer(l)}</text>`);
    parts.push(`<text x="${(LEFT + right) / 2}" y="${height - 5}" class="tick middle">${axis}</text>`);
    const back = Array.from(predicted.low, (value, l) => `L${x(l).toFixed(1)} ${y(value).toFixed(1)}`).reverse().join("");
    parts.push(`<path class="band" d="${path(predicted.high, x, y)}${back}Z"/>`);
    for (const values of lines) {
      parts.push(`<path class="network" d="${path(values, x, y)}"/>`);
      const gone = values.findIndex((value) => value === -Infinity);
      if (gone > 0) parts.push(`<text x="${x(gone - 1).toFixed(1)}" y="${(y(values[gone - 1]) + 5).toFixed(1)}" class="gone">×</text>`);
    }
    if (predicted.mean) parts.push(`<path class="mean" d="${path(predicted.mean, x, y)}"/>`);
    parts.push(`<path class="median" d="${path(predicted.median, x, y)}"/>`);
    const ends = [["95 %", "high", "edge"], ["median", "median", "median"], ["5 %", "low", "edge"]];
    if (predicted.mean) ends.unshift(["mean", "mean", "mean"]);
    const told = labels(ends.map(([text, name, kind]) => ({ text, kind, y: y(predicted[name][last]) })), TOP + 4, bottom);
    for (const each of told) parts.push(`<text x="${right + 6}" y="${(each.y + 4).toFixed(1)}" class="label ${each.kind}">${each.text}</text>`);
    return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${title}">${parts.join("")}</svg>`;
  };

  const middle = (values) => {
    const sorted = [...values].sort((a, b) => a - b), half = sorted.length / 2;
    return half % 1 ? sorted[Math.floor(half)] : sorted[half - 1] === -Infinity ? -Infinity : (sorted[half - 1] + sorted[half]) / 2;
  };

  explorer.table = ({ predicted, lines, layer, title }) => {
    const last = predicted.median.length - 1, rows = new Set([0, 1, 2, 3, 4, 5].map((k) => Math.round((k * last) / 5)));
    const cell = (log) => `<td>${explorer.number(log)}</td>`;
    const body = [...rows].map((l) => `<tr><th scope="row">${layer(l)}</th>${predicted.mean ? cell(predicted.mean[l]) : ""}` +
      `${["median", "low", "high"].map((name) => cell(predicted[name][l])).join("")}` +
      `${lines.length ? cell(middle(lines.map((v) => v[l]))) : ""}</tr>`);
    const head = ["layer", ...(predicted.mean ? ["mean"] : []), "median", "5 %", "95 %", ...(lines.length ? ["median of those drawn"] : [])];
    return `<table><caption>${title}</caption><thead><tr>${head.map((h) => `<th scope="col">${h}</th>`).join("")}</tr></thead><tbody>${body.join("")}</tbody></table>`;
  };
})();
