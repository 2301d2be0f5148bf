// The product of two small matrices, call by call: which row meets which column, on every rung of the ladder.
(() => {
  const place = document.getElementById("product");
  if (!place) return;
  const A = [[1, 2, 0, 1], [0, 1, 3, 1], [2, 0, 1, 1]];
  const B = [[1, 0], [2, 1], [0, 1], [1, 3]];
  const [rows, terms, columns] = [3, 4, 2];
  const all = (n) => [...Array(n).keys()];

  // What one call covers, and which loops are left to Python.
  const RUNGS = {
    loops: ["ijk", "one number times one number", "three loops, over i, j and k"],
    elementwise: ["ij", "a row times a column, added up", "two loops, over i and j"],
    broadcast: ["i", "a row times every column, added up", "one loop, over i"],
    einsum: ["", "the whole product, by its letters ik,kj->ij", "none"],
    matmul: ["", "the whole product, compiled for it", "none"],
  };
  const calls = (rung) => {
    const loops = RUNGS[rung][0];
    const outer = (letter, n) => (loops.includes(letter) ? all(n) : [null]);
    const found = [];
    for (const i of outer("i", rows)) for (const j of outer("j", columns)) for (const k of outer("k", terms))
      found.push({ i: i === null ? all(rows) : [i], j: j === null ? all(columns) : [j], k: k === null ? all(terms) : [k] });
    return found;
  };

  const SIZE = 34;
  const matrix = (name, left, top, values, kind) => values.map((line, r) => line.map((value, c) => {
    const [x, y] = [left + c * SIZE, top + r * SIZE];
    return `<rect x="${x}" y="${y}" width="${SIZE}" height="${SIZE}" class="${kind(r, c)}"/>` +
      `<text x="${x + SIZE / 2}" y="${y + SIZE / 2 + 5}">${value}</text>`;
  }).join("")).join("") + `<text x="${left - 14}" y="${top + 22}" class="name">${name}</text>`;

  const picture = (rung, number) => {
    const steps = calls(rung), now = steps[number];
    const C = all(rows).map(() => all(columns).map(() => ""));
    for (const step of steps.slice(0, number + 1)) for (const i of step.i) for (const j of step.j)
      C[i][j] = step.k.reduce((sum, k) => sum + A[i][k] * B[k][j], C[i][j] || 0);
    const lit = (r, c, one, other) => (now[one].includes(r) && now[other].includes(c) ? "now" : "");
    const [left, top] = [30, 10 + terms * SIZE + 16];
    const right = left + terms * SIZE + 40;
    return `<svg viewBox="0 0 ${right + columns * SIZE + 6} ${top + rows * SIZE + 6}" role="img" aria-label="A, B and their product">` +
      matrix("A", left, top, A, (r, c) => lit(r, c, "i", "k")) +
      matrix("B", right, 10, B, (r, c) => lit(r, c, "k", "j")) +
      matrix("C", right, top, C, (r, c) => lit(r, c, "i", "j")) + "</svg>";
  };
  const span = (values) => (values.length === 1 ? values[0] : ":");
  const words = (rung, number) => {
    const steps = calls(rung), { i, j, k } = steps[number];
    const [at, a, b] = [[i, j], [i, k], [k, j]].map((pair) => `[${pair.map(span).join(", ")}]`);
    return `Call ${number + 1} of ${steps.length}: C${at} gets A${a} · B${b}. One call: ${RUNGS[rung][1]}. ` +
      `Loops in Python: ${RUNGS[rung][2]}.`;
  };

  const options = Object.keys(RUNGS).map((name) => `<option>${name}</option>`).join("");
  place.innerHTML = `
    <p><label>Rung <select id="product-rung">${options}</select></label>
    <label>Call <input id="product-call" type="range" min="1" value="1"></label></p>
    <div id="product-picture"></div><p id="product-words" aria-live="polite"></p>`;
  const [rung, call, drawing, text] = ["rung", "call", "picture", "words"].map((id) => document.getElementById(`product-${id}`));
  const show = () => {
    call.max = calls(rung.value).length;
    const number = Math.min(Number(call.value), Number(call.max)) - 1;
    drawing.innerHTML = picture(rung.value, number);
    text.textContent = words(rung.value, number);
  };
  rung.addEventListener("input", () => { call.value = 1; show(); });
  call.addEventListener("input", show);
  show();
})();
