// What the derivations predict: natural logarithms of mean, median and 5–95 % band, layer by layer.
(() => {
  const explorer = (globalThis.companionExplorer ??= {});
  const LOWEST = -40, HIGHEST = 100, STEP = 0.25; // of log λ: the sums below are exact to 12 digits and more

  // Mean and variance of the logarithm of a layer's ratio over its mean: Frullani's integral over the transform, by the
  // trapezoid rule in log λ. With slope 0 they are those of layers in which a unit is active.
  const known = new Map();
  explorer.logMoments = (units, slope) => {
    const key = `${units} ${slope}`;
    if (known.has(key)) return known.get(key);
    const f = explorer.formulas;
    let mean = 0, integral = 0;
    for (let log = LOWEST; log <= HIGHEST; log += STEP) {
      const argument = Math.exp(log);
      const transform = slope === 0
        ? f.aliveTransform({ argument, units }) : f.ratioTransform({ argument, negative_slope: slope, units });
      const part = (Math.exp(-argument) - transform) * STEP;
      mean += part;
      integral += log * part;
    }
    const found = { mean, variance: f.logVariance({ log_mean: mean, log_integral: integral }) };
    known.set(key, found);
    return found;
  };

  // A stack of ``depth`` independent ratios of one law: the logarithms' sum is taken to be normal.
  const product = (depth, ratio, drift, variance) => {
    const layers = Float64Array.from({ length: depth + 1 }, (_, l) => l);
    const median = layers.map((l) => l * (Math.log(ratio) + drift));
    return band(layers.map((l) => l * Math.log(ratio)), median, layers.map((l) => l * variance));
  };
  const band = (mean, median, variance) => {
    const far = variance.map((v) => explorer.formulas.edge * Math.sqrt(v));
    return { mean, median, low: median.map((m, l) => m - far[l]), high: median.map((m, l) => m + far[l]) };
  };

  // A ReLU minus a constant: what a wide layer makes of the layer before, and of how far that strays.
  const shifted = ({ depth, width }, variance, shift) => {
    const f = explorer.formulas, median = new Float64Array(depth + 1), spread = new Float64Array(depth + 1);
    for (let l = 1; l <= depth; l++) {
      const from = { second_moment: Math.exp(median[l - 1]), shift, units: width, weight_var: variance };
      median[l] = Math.log(f.shiftedMap(from));
      spread[l] = f.shiftedSlope(from) ** 2 * spread[l - 1] + f.shiftedSpread(from);
    }
    return { ...band(null, median, spread) };
  };

  // forward[l] is for x_l over the input; backward[d] for the gradient d layers below the last one, over that one.
  // dead: the share of networks in which nothing is left; median and band are those of the others.
  explorer.predict = (settings) => {
    const f = explorer.formulas, { depth, width } = settings, slope = explorer.slope(settings);
    const { variance } = explorer.weights(settings);
    if (settings.blocks === "residual") {
      const sizes = { branch_scale: settings.scale, fan_in: width, units: width };
      const block = { ...sizes, negative_slope: slope, weight_var: variance };
      const both = product(depth, f.blockRatio(block), f.blockDrift(block), f.blockSpread(block));
      return { forward: both, backward: both, dead: 0, ratio: f.blockRatio(block), back: f.blockRatio(block) };
    }
    const moments = explorer.logMoments(width, slope), shift = explorer.shift(settings);
    const ratio = f.forwardRatio({ fan_in: width, negative_slope: slope, weight_var: variance });
    const back = f.backwardRatio({ fan_out: width, negative_slope: slope, weight_var: variance });
    const backward = product(depth - 1, back, moments.mean, moments.variance);
    const forward = shift
      ? shifted(settings, variance, shift) : product(depth, ratio, moments.mean, moments.variance);
    return { forward, backward, dead: slope || shift ? 0 : f.death({ depth, units: width }), ratio, back };
  };
})();
