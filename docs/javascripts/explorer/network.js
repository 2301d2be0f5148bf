// A network with real weights, forwards and backwards: natural logarithms of the mean squares, layer by layer.
(() => {
  const explorer = (globalThis.companionExplorer ??= {});
  // What was drawn for a network is kept, and the settings only scale it: a change draws what is not there yet. Not so
  // for networks of more weights than these (of which ten take 20 MB): all have one place.
  explorer.LIGHT = 500_000;
  const kept = new Map();
  let memory = new Float32Array(0); // the weights of the network at hand

  const meanSquare = (x) => {
    let sum = 0;
    for (let i = 0; i < x.length; i++) sum += x[i] * x[i];
    return sum / x.length;
  };

  // y = W x, and y = Wᵀ x; W is ``width`` rows of the memory, from ``start``.
  const times = (start, x, y) => {
    const width = x.length, w = memory;
    for (let i = 0, k = start; i < width; i++) {
      let sum = 0;
      for (let j = 0; j < width; j++, k++) sum += w[k] * x[j];
      y[i] = sum;
    }
  };
  const transposed = (start, x, y) => {
    const width = x.length, w = memory;
    y.fill(0);
    for (let i = 0, k = start; i < width; i++, k += width) {
      const value = x[i];
      if (value !== 0) for (let j = 0; j < width; j++) y[j] += value * w[k + j];
    }
  };

  // Bring a vector to mean square 1, and return the logarithm that this takes away (-Infinity for zeros).
  const level = (x) => {
    const square = meanSquare(x);
    if (square === 0) return -Infinity;
    const factor = 1 / Math.sqrt(square);
    for (let i = 0; i < x.length; i++) x[i] *= factor;
    return Math.log(square);
  };

  // The first ``count`` numbers of a network's stream, uniform or normal.
  const draws = (seed, number, uniform, count) => {
    const shown = number < explorer.NETWORKS && count <= explorer.LIGHT, place = shown ? number : "others";
    const name = `${seed} ${number} ${uniform}`;
    let found = kept.get(place);
    if (found?.name !== name) // the next network in the same place writes over this one's numbers
      found = { name, random: new explorer.Random(seed, number), drawn: 0, numbers: found?.numbers ?? new Float32Array(0) };
    if (found.drawn < count) {
      if (found.numbers.length < count) {
        const longer = new Float32Array(count);
        longer.set(found.numbers.subarray(0, found.drawn));
        found.numbers = longer;
      }
      const target = found.numbers.subarray(0, count);
      if (uniform) found.random.uniforms(target, found.drawn); else found.random.normals(target, found.drawn);
      found.drawn = count;
    }
    kept.set(place, found);
    return found.numbers;
  };

  const draw = (settings, number) => {
    const { variance, bound } = explorer.weights(settings);
    memory = draws(settings.seed, number, bound > 0, explorer.size(settings));
    return bound || Math.sqrt(variance); // the factor that makes weights of what was drawn
  };
  // The gradient at the end, from a stream of its own: it is the same at any depth.
  const top = (settings, number, target) => new explorer.Random(settings.seed, ~number).normals(target);

  // forward[l]: mean square of x_l over the input's. backward[l]: of the gradient at layer l over that at layer L,
  // for a gradient at x_L that is normal and knows nothing of the network. In a plain stack it is the one at W x.
  const plain = (settings, number) => {
    const { depth, width } = settings, slope = explorer.slope(settings), shift = explorer.shift(settings);
    const factor = draw(settings, number);
    const forward = new Float64Array(depth + 1), backward = new Float64Array(depth + 1).fill(NaN);
    const masks = new Float64Array(depth * width);
    const x = new Float64Array(width).fill(1), z = new Float64Array(width);
    for (let l = 1; l <= depth; l++) {
      times((l - 1) * width * width, x, z);
      const moved = shift && shift * Math.exp(-forward[l - 1] / 2); // x is kept at mean square 1
      for (let i = 0; i < width; i++) {
        const mask = (masks[(l - 1) * width + i] = z[i] > 0 ? 1 : slope);
        x[i] = factor * mask * z[i] - moved;
      }
      forward[l] = forward[l - 1] + level(x);
      if (forward[l] === -Infinity) { forward.fill(-Infinity, l); masks.fill(0, (l - 1) * width); break; }
    }
    const u = z, below = new Float64Array(width);
    top(settings, number, u);
    for (let l = depth, sum = 0; l >= 1; l--) {
      if (l < depth) {
        transposed(l * width * width, u, below);
        for (let i = 0; i < width; i++) u[i] = factor * below[i];
      }
      for (let i = 0; i < width; i++) u[i] *= masks[(l - 1) * width + i];
      const step = level(u);
      backward[l] = l < depth ? (sum += step) : step === -Infinity ? (sum = step) : 0;
      if (step === -Infinity) { backward.fill(step, 1, l); break; }
    }
    return { forward, backward };
  };

  const residual = (settings, number) => {
    const { depth, width, scale } = settings, slope = explorer.slope(settings), area = width * width;
    const factor = draw(settings, number);
    const forward = new Float64Array(depth + 1), backward = new Float64Array(depth + 1);
    const masks = new Float64Array(depth * width), branch = scale * factor * factor;
    const x = new Float64Array(width).fill(1), z = new Float64Array(width), out = new Float64Array(width);
    for (let l = 1; l <= depth; l++) {
      times(2 * (l - 1) * area, x, z);
      for (let i = 0; i < width; i++) z[i] *= masks[(l - 1) * width + i] = z[i] > 0 ? 1 : slope;
      times((2 * l - 1) * area, z, out);
      for (let i = 0; i < width; i++) x[i] += branch * out[i];
      forward[l] = forward[l - 1] + level(x);
    }
    const u = top(settings, number, x);
    level(u);
    for (let l = depth; l >= 1; l--) {
      transposed((2 * l - 1) * area, u, z);
      for (let i = 0; i < width; i++) z[i] *= masks[(l - 1) * width + i];
      transposed(2 * (l - 1) * area, z, out);
      for (let i = 0; i < width; i++) u[i] += branch * out[i];
      backward[l - 1] = backward[l] + level(u);
    }
    return { forward, backward };
  };

  // Network ``number`` of those that the seed makes; the same settings and number give the same network.
  explorer.network = (settings, number) => (settings.blocks === "residual" ? residual : plain)(settings, number);
})();
