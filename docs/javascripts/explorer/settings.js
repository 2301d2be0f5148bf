// What can be set, what an address says of it, and the weights that follow.
(() => {
  const explorer = (globalThis.companionExplorer ??= {});

  explorer.WIDTHS = [4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128];
  explorer.CHOICES = {
    activation: { relu: "ReLU", leaky: "leaky ReLU", linear: "linear", shifted: "ReLU minus a constant" },
    init: {
      kaiming_normal: "Kaiming, normal", kaiming_uniform: "Kaiming, uniform", xavier_normal: "Xavier, normal",
      xavier_uniform: "Xavier, uniform", torch: "PyTorch's default (a = √5)", gain: "a gain of your own",
    },
    blocks: { plain: "plain stack", residual: "residual blocks" },
  };
  explorer.RANGES = { // lowest, highest, step, at the start
    slope: [0, 1, 0.01, 0.2], shift: [0, 1, 0.01, 0.5], gain: [0.5, 2.5, 0.002, 1.414], scale: [0, 1, 0.01, 1],
    depth: [1, 200, 1, 50], width: [4, 128, 1, 64], seed: [0, 999999, 1, 1],
  };
  const FIRST = { activation: "relu", init: "kaiming_normal", blocks: "plain" };

  // The settings that the part of an address behind "?" asks for; what is not there, or is none, is as at the start.
  explorer.read = (query) => {
    const asked = new URLSearchParams(query), found = {};
    for (const [name, choices] of Object.entries(explorer.CHOICES))
      found[name] = Object.hasOwn(choices, asked.get(name) ?? "") ? asked.get(name) : FIRST[name];
    for (const [name, [lowest, highest, step, first]] of Object.entries(explorer.RANGES)) {
      const text = asked.get(name), number = text ? Number(text) : NaN;
      const value = Number.isFinite(number) ? Math.min(highest, Math.max(lowest, number)) : first;
      found[name] = step === 1 ? Math.round(value) : value;
    }
    if (found.activation === "shifted") found.blocks = "plain"; // no derivation has both
    return found;
  };

  // Which settings matter here: a slope only to a leaky ReLU, a gain only if it is one's own.
  explorer.matters = (name, settings) => ({
    slope: settings.activation === "leaky", shift: settings.activation === "shifted",
    gain: settings.init === "gain", scale: settings.blocks === "residual", blocks: settings.activation !== "shifted",
  })[name] ?? true;

  // The part of an address behind "?": only what matters, and is not as at the start.
  explorer.write = (settings) => {
    const usual = explorer.read("");
    const told = Object.entries(settings).filter(([k, v]) => v !== usual[k] && explorer.matters(k, settings));
    return new URLSearchParams(told).toString();
  };

  explorer.slope = (settings) => ({ leaky: settings.slope, linear: 1 })[settings.activation] ?? 0;
  explorer.shift = (settings) => (settings.activation === "shifted" ? settings.shift : 0);

  // How many weights a network has.
  explorer.size = ({ depth, width, blocks }) => depth * width ** 2 * (blocks === "residual" ? 2 : 1);

  // Variance of a weight; and where its law ends, if it is uniform (0 if it is normal).
  explorer.weights = (settings) => {
    const f = explorer.formulas, width = settings.width;
    const kaiming = { fan: width, negative_slope: explorer.slope(settings) };
    const xavier = { fan_in: width, fan_out: width };
    const [variance, bound] = {
      kaiming_normal: () => [f.kaimingVariance(kaiming), 0],
      kaiming_uniform: () => [f.kaimingVariance(kaiming), f.kaimingBound(kaiming)],
      xavier_normal: () => [f.xavierVariance(xavier), 0],
      xavier_uniform: () => [f.xavierVariance(xavier), f.xavierBound(xavier)],
      torch: () => [f.defaultVariance({ units: width }), f.defaultBound({ fan: width })],
      gain: () => [f.gainVariance({ fan_in: width, gain: settings.gain }), 0],
    }[settings.init]();
    return { variance, bound };
  };
})();
