// What the picture shows, in sentences; and picture, sentences and table together.
(() => {
  const explorer = (globalThis.companionExplorer ??= {});
  explorer.NETWORKS = 10;
  const { number } = explorer;
  const percent = (share) => `${Number((100 * share).toPrecision(2))}\u00a0%`;
  const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;

  // "less than 13 % of", "more than 4.5 times", by the natural logarithm of the amount.
  const amount = (log) => (log > 0 ? `${number(log)} times` : log > -7 ? percent(Math.exp(log)) : number(log));
  const kept = (ratio) => Math.abs(Math.log(ratio)) < 1e-9;
  const certain = (band, l) => band.high[l] - band.low[l] < 1e-9;

  const mean = (settings, { ratio }) => {
    const unit = settings.blocks === "residual" ? "block" : "layer";
    if (explorer.shift(settings))
      return "With a constant after the rectifier, each layer pulls the mean square towards a level of its own.";
    if (kept(ratio)) return `On average over networks, a ${unit} hands on the mean square that it was given.`;
    const change = ratio < 1
      ? `hands on ${percent(ratio)} of the mean square that it was given`
      : `multiplies the mean square that it was given by ${number(Math.log(ratio))}`;
    return `On average over networks, a ${unit} ${change}.`;
  };

  const typical = (settings, { forward, dead, ratio }) => {
    const { depth } = settings, end = forward.median[depth], unit = settings.blocks === "residual" ? "block" : "layer";
    const after = `after ${plural(depth, unit)}`;
    if (certain(forward, depth)) return `Nothing is random: ${after} it is what came in.`;
    const lost = dead > 0.001 ? `${percent(dead)} of all networks are dead, no unit of some layer being active. Of the others, half` : "half of all networks";
    const Start = kept(ratio) && end < -0.02 ? `But ${after} ` : `${after[0].toUpperCase()}${after.slice(1)} `;
    const side = end < 0 ? ["less", "of it left", forward.low] : ["more", "what came in", forward.high];
    return `${Start}${lost} have ${side[0]} than ${amount(end)} ${side[1]}, and one in twenty ${side[0]} than ${amount(side[2][depth])}.`;
  };

  const gradient = (settings, { backward, forward }) => {
    const last = backward.median.length - 1, end = backward.median[last];
    if (last < 1 || certain(backward, last)) return last < 1 ? "" : "So is the gradient.";
    const to = settings.blocks === "residual" ? "the input" : "layer 1";
    const too = end < 0 === forward.median[settings.depth] < 0 ? "too: half of the gradients" : "but not alike: half of the gradients";
    return `On the way back to ${to} the gradient changes, ${too} arrive with ${end < 0 ? "less" : "more"} than ${amount(end)} of their mean square.`;
  };

  const seen = (settings, { forward }, networks) => {
    if (!networks.length || certain(forward, settings.depth)) return "";
    const ends = networks.map((each) => each.forward[settings.depth]), { depth } = settings;
    const count = (test) => ends.filter(test).length;
    const gone = count((end) => end === -Infinity), below = count((end) => end < forward.median[depth]);
    const inside = count((end) => end >= forward.low[depth] && end <= forward.high[depth]);
    const first = gone ? `${gone} ${gone === 1 ? "is" : "are"} dead` : `${below} ${below === 1 ? "ends" : "end"} below the predicted median`;
    return `Of the ${ends.length} networks drawn here, ${first}, and ${inside} ${inside === 1 ? "ends" : "end"} within the band.`;
  };

  explorer.sentence = (settings, predicted, networks, shown) => [
    mean(settings, predicted), `<strong>${typical(settings, predicted)}</strong>`,
    shown.includes("gradient") && gradient(settings, predicted), seen(settings, predicted, networks),
  ].filter(Boolean).join(" ");

  // The two panels as data: layers from left to right, with the gradient on its way from the last layer back.
  explorer.panels = (settings, predicted, networks) => {
    const { depth } = settings, unit = settings.blocks === "residual" ? "block" : "layer";
    return {
      signal: {
        title: "Signal", says: `mean square after each ${unit}, over the input's`, axis: unit, layer: (l) => l,
        predicted: predicted.forward, lines: networks.map((each) => each.forward),
      },
      gradient: {
        title: "Gradient", says: `mean square at each ${unit}, over that at the last one`, axis: `${unit}, from the last one back`,
        layer: (l) => depth - l, predicted: predicted.backward,
        lines: networks.map((each) => Array.from(predicted.backward.median, (_, d) => each.backward[depth - d])),
      },
    };
  };

  // All that the settings lead to, as HTML; ``shown`` names the panels.
  explorer.output = (settings, networks, { width = 430, height = 290, shown = ["signal", "gradient"] } = {}) => {
    const predicted = explorer.predict(settings), panels = explorer.panels(settings, predicted, networks);
    const sentence = explorer.sentence(settings, predicted, networks, shown);
    const figures = shown.map((name) => {
      const panel = panels[name], title = `${panel.title}: ${panel.says}`;
      return `<figure><figcaption><strong>${panel.title}</strong>, ${panel.says}</figcaption>${explorer.panel({ ...panel, title, width, height })}</figure>`;
    });
    const tables = shown.map((name) => explorer.table({ ...panels[name], title: `${panels[name].title}: ${panels[name].says}` }));
    const count = networks.length === 1 ? "one network" : `${networks.length} networks`;
    const legend = `<p class="legend">Band: where nine of ten networks are predicted to be. Thin lines: ${count} with real weights.</p>`;
    return { sentence, figures: figures.join("") + legend, tables: tables.join("") };
  };
})();
