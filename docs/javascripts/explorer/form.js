// The controls, as they stand in the page from the start: none moves the picture when the script comes.
(() => {
  const explorer = (globalThis.companionExplorer ??= {});
  const NAMES = {
    activation: "Activation", slope: "Slope below zero", shift: "Constant", init: "Weights", gain: "Gain",
    blocks: "Layers", scale: "Branch α", depth: "Depth", width: "Width", seed: "Seed",
  };
  explorer.NAMES = Object.keys(NAMES);

  const label = (name, id) => `<label for="${id}">${NAMES[name]}</label>`;
  const choice = (name, id) => {
    const options = Object.entries(explorer.CHOICES[name]).map(([value, text]) => `<option value="${value}">${text}</option>`);
    return `${label(name, id)}<select id="${id}" name="${name}">${options.join("")}</select>`;
  };
  const number = (name, id) => {
    const [lowest, highest, step] = name === "width" ? [0, explorer.WIDTHS.length - 1, 1] : explorer.RANGES[name];
    const field = `id="${id}" name="${name}" min="${lowest}" max="${highest}" step="${step}"`;
    if (name !== "seed")
      return `${label(name, id)}<span class="value" aria-hidden="true"></span><input type="range" ${field}>`;
    const again = `<button type="button" class="again">Other networks</button>`;
    return `${label(name, id)}<input type="number" inputmode="numeric" ${field}>${again}`;
  };

  // Controls for the settings ``names``, hidden where they do not matter; each id begins with ``id``.
  explorer.form = (settings, names, id) => names.map((name) => {
    const hidden = explorer.matters(name, settings) ? "" : " hidden", kind = name === "seed" ? ' class="seed"' : "";
    return `<div${kind}${hidden}>${(name in explorer.CHOICES ? choice : number)(name, `${id}-${name}`)}</div>`;
  }).join("");
})();
