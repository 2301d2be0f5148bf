// What the picture shows, in sentences; and picture, sentences and table together.
(() => {
  const explorer = (globalThis.companionExplorer ??= {});
  explorer.NETWORKS = 10;
  const { number } = explorer;
  const percent = (share) => `${Number((100 * share).toPrecision(share > 0.9 ? 3 : 2))}\u00a0%`;
  const count = (much, word) => `${much} ${word}${much === 1 ? "" : "s"}`;
  const unit = (settings) => (settings.blocks === "residual" ? "block" : "layer");

  // "13 %", "4.5 times" or "3 · 10⁻⁷", by the natural logarithm of the amount.
  const amount = (log) => (log > 0 ? `${number(log)} times` : log > -7 ? percent(Math.exp(log)) : number(log));
  const near = (ratio, gap) => Math.abs(ratio - 1) < gap;
  const kept = (ratio) => near(ratio, 1e-9), nearly = (ratio) => near(ratio, 0.0005);
  const certain = (band, l) => band.high[l] - band.low[l] < 1e-9;

  const mean = (settings, { ratio }) => {
    if (explorer.shift(settings))
      return "With a constant after the rectifier, each layer pulls the mean square towards a level of its own.";
    const average = `On average over networks, a ${unit(settings)}`, given = "the mean square that it was given";
    if (kept(ratio)) return `${average} hands on ${given}.`;
    if (nearly(ratio)) return `${average} hands on ${given}, to a thousandth.`;
    if (ratio < 1) return `${average} hands on ${percent(ratio)} of ${given}.`;
    return `${average} multiplies ${given} by ${Number(ratio.toPrecision(3))}.`;
  };

  const typical = (settings, { forward, dead, ratio }) => {
    const { depth } = settings, end = forward.median[depth], after = `after ${count(depth, unit(settings))}`;
    if (certain(forward, depth)) return `Nothing is random: ${after} it is what came in.`;
    const start = nearly(ratio) && end < -0.02 ? `But ${after}` : after.replace("a", "A");
    const gone = `${percent(dead)} of all networks are dead, no unit of some layer being active. Of the others, half`;
    const [side, of, edge] = end < 0 ? ["less", "of it left", forward.low] : ["more", "what came in", forward.high];
    return `${start} ${dead > 0.001 ? gone : "half of all networks"} have ${side} than ${amount(end)} ${of}, ` +
      `and one in twenty ${side} than ${amount(edge[depth])}.`;
  };

  const gradient = (settings, { backward, forward }) => {
    const last = backward.median.length - 1, end = backward.median[last];
    if (last < 1) return "";
    if (certain(backward, last)) return "So is the gradient.";
    const alike = end < 0 === forward.median[settings.depth] < 0 ? "too" : "but not alike";
    return `On the way back to ${settings.blocks === "residual" ? "the input" : "layer 1"} the gradient changes, ${alike}: ` +
      `half of the gradients arrive with ${end < 0 ? "less" : "more"} than ${amount(end)} of their mean square.`;
  };

  const seen = ({ depth }, { forward }, networks) => {
    if (!networks.length || certain(forward, depth)) return "";
    const ends = networks.map((each) => each.forward[depth]), many = (test) => ends.filter(test).length;
    const gone = many((end) => end === -Infinity), below = many((end) => end < forward.median[depth]);
    const inside = many((end) => end >= forward.low[depth] && end <= forward.high[depth]);
    const end = (much) => `${much} ${much === 1 ? "ends" : "end"}`;
    const first = gone ? `${gone} ${gone === 1 ? "is" : "are"} dead` : `${end(below)} below the predicted median`;
    return `Of the ${ends.length} networks drawn here, ${first}, and ${end(inside)} within the band.`;
  };

  explorer.sentence = (settings, predicted, networks, shown) => [
    mean(settings, predicted), `<strong>${typical(settings, predicted)}</strong>`,
    shown.includes("gradient") && gradient(settings, predicted), seen(settings, predicted, networks),
  ].filter(Boolean).join(" ");

  // The two panels as data: layers from left to right, with the gradient on its way from the last layer back.
  explorer.panels = (settings, predicted, networks) => {
    const { depth } = settings, one = unit(settings), { forward, backward } = predicted;
    const turned = (values) => Array.from(backward.median, (_, down) => values[depth - down]);
    const signal = {
      says: `mean square after each ${one}, over the input's`, axis: one, layer: (l) => l,
      predicted: forward, lines: networks.map((each) => each.forward),
    };
    const gradient = {
      says: `mean square at each ${one}, over that at the last one`, axis: `${one}, from the last one back`,
      layer: (down) => depth - down, predicted: backward, lines: networks.map((each) => turned(each.backward)),
    };
    const named = (name, head, panel) => ({ ...panel, name, head, unit: one, title: `${head}: ${panel.says}` });
    return { signal: named("signal", "Signal", signal), gradient: named("gradient", "Gradient", gradient) };
  };

  // All that the settings lead to, as HTML; ``shown`` names the panels.
  explorer.output = (settings, networks, { width = 430, height = 290, shown = ["signal", "gradient"] } = {}) => {
    const predicted = explorer.predict(settings), panels = explorer.panels(settings, predicted, networks);
    const figures = shown.map((name) => {
      const { head, says } = panels[name];
      const caption = `<figcaption><strong>${head}</strong>, ${says}</figcaption>`;
      return `<figure>${caption}${explorer.panel(panels[name], { width, height })}</figure>`;
    });
    const lines = networks.length === 1 ? "one network" : `${networks.length || "no"} networks`;
    const legend = `Band: where nine of ten networks are predicted to be. Thin lines: ${lines} with real weights` +
      `${networks.length < explorer.NETWORKS ? " so far" : ""}.`;
    return {
      panels,
      sentence: explorer.sentence(settings, predicted, networks, shown),
      figures: `${figures.join("")}<p class="legend">${legend}</p>`,
      tables: shown.map((name) => explorer.table(panels[name])).join(""),
    };
  };
})();
