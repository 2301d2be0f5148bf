// The shapes that a reader types, stretched: rule, strides, and the table for two dimensions.
(() => {
  const place = document.getElementById("stretching");
  if (!place) return;
  place.innerHTML = `
    <p><label>First shape <input id="shape-a" value="4, 1" size="8" autocomplete="off"></label>
    <label>Second shape <input id="shape-b" value="3" size="8" autocomplete="off"></label></p>
    <div id="stretching-result" aria-live="polite"></div>`;
  const fields = ["shape-a", "shape-b"].map((id) => document.getElementById(id));
  const result = document.getElementById("stretching-result");

  // Whole numbers between commas or spaces, in brackets or without; null for anything else, such as -1.
  const read = (text) => {
    const words = text.replace(/[()[\],]/g, " ").split(/\s+/).filter(Boolean);
    return words.length <= 4 && words.every((word) => /^\d{1,3}$/.test(word)) ? words.map(Number) : null;
  };
  const entries = (shape) => shape.reduce((a, b) => a * b, 1);
  const strides = (shape) => shape.map((_, k) => entries(shape.slice(k + 1).map((n) => Math.max(n, 1))));
  const padded = (values, count, filler) => [...Array(count - values.length).fill(filler), ...values];
  const row = (head, cells) => `<tr><th scope="row">${head}</th>${cells.map((c) => `<td>${c}</td>`).join("")}</tr>`;

  // Each entry of the stretched operand by its number in memory; a copy is pale.
  const table = (name, shape, step, whole) => {
    const [height, width] = padded(whole, 2, 1);
    const [down, right] = padded(step, 2, 0);
    const [own, across] = padded(shape, 2, 1);
    const lines = [];
    for (let i = 0; i < Math.min(height, 8); i++) {
      const cells = [];
      for (let j = 0; j < Math.min(width, 8); j++) {
        const copy = i >= own || j >= across ? ' class="stretched"' : "";
        cells.push(`<td${copy}>${name}<sub>${i * down + j * right}</sub></td>`);
      }
      lines.push(`<tr>${cells.join("")}</tr>`);
    }
    const cut = height > 8 || width > 8 ? ", its corner" : "";
    return `<table class="shape"><caption>${name}, stretched to (${whole.join(", ")})${cut}</caption>${lines.join("")}</table>`;
  };

  const show = () => {
    const shapes = fields.map((field) => read(field.value));
    if (shapes.includes(null)) {
      result.innerHTML = "<p>Write a shape as 4, 1: at most four whole numbers, each from 0 to 999.</p>";
      return;
    }
    const count = Math.max(...shapes.map((s) => s.length));
    const [a, b] = shapes.map((s) => padded(s, count, 1));
    const bad = a.map((n, k) => n !== b[k] && n !== 1 && b[k] !== 1);
    const whole = a.map((n, k) => (n === 1 ? b[k] : n));
    const steps = shapes.map((s, k) => {
      const full = padded(strides(s), count, 0), sizes = padded(s, count, 1);
      return full.map((step, d) => (sizes[d] === 1 && whole[d] !== 1 ? 0 : step));
    });
    const first = shapes.map((s) => Array(count - s.length).fill("(1)").concat(s));
    const rows = [row("first", first[0]), row("second", first[1])];
    rows.push(row("result", whole.map((n, k) => (bad[k] ? "✗" : n))));
    let text = `<table>${rows.join("")}`;
    if (bad.includes(true)) {
      const k = bad.lastIndexOf(true);
      result.innerHTML = `${text}</table><p>They do not broadcast: ${a[k]} and ${b[k]} are neither equal nor 1.</p>`;
      return;
    }
    text += row("stride of first", steps[0]) + row("stride of second", steps[1]) + "</table>";
    const stored = shapes.map((s, k) => `the ${["first", "second"][k]} stores ${entries(s)} and shows ${entries(whole)}`);
    text += `<p>Entries: ${stored.join("; ")}.</p>`;
    if (count <= 2) text += table("a", shapes[0], steps[0], whole) + table("b", shapes[1], steps[1], whole);
    result.innerHTML = text;
  };
  fields.forEach((field) => field.addEventListener("input", show));
  show();
})();
