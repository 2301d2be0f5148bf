// Random numbers that a seed makes again: Doty-Humphrey's sfc32 (PractRand), and Marsaglia and Tsang's ziggurat (2000).
(() => {
  const explorer = (globalThis.companionExplorer ??= {});
  const HALF = 2 ** -31; // 32 bits with a sign, to the middle of one of 2^32 cells of (-1, 1)
  const GRAIN = 2 ** -23; // the same of 24 bits; the other eight choose a layer

  // Under exp(-x²/2), for x > 0: 255 rectangles upon a base that ends in the tail beyond LAST, all of one area.
  const LAYERS = 256, LAST = 3.6541528853610088, AREA = 0.00492867323399141;
  const height = (x) => Math.exp(-x * x / 2);
  const edge = new Float64Array(LAYERS + 1), high = new Float64Array(LAYERS + 1).fill(1);
  edge[0] = AREA / height(LAST); // as wide as a base without a tail would have to be
  edge[1] = LAST;
  for (let l = 1; l < LAYERS; l++) {
    high[l] = height(edge[l]);
    high[l + 1] = high[l] + AREA / edge[l];
    edge[l + 1] = l + 1 < LAYERS ? Math.sqrt(-2 * Math.log(high[l + 1])) : 0;
  }
  explorer.ziggurat = { edge, high, LAST, AREA };
  const step = edge.map((x) => GRAIN * x), one = new Int32Array(1);
  // Numbers of 24 bits below this are below the curve for sure: 99 of 100.
  const sure = Int32Array.from(edge.subarray(1), (x, l) => Math.round(x / step[l]));

  explorer.Random = class {
    // Streams of one seed are far apart: three words start the generator, and fifteen rounds mix them.
    constructor(seed, stream) {
      this.state = new Int32Array([seed, stream, 0, 1]);
      this.words(new Uint32Array(15));
    }

    // Fill with words of 32 bits, from place ``first``.
    words(target, first = 0) {
      const state = this.state;
      let a = state[0], b = state[1], c = state[2], counter = state[3];
      for (let k = first; k < target.length; k++) {
        const word = (a + b + counter) | 0;
        counter = (counter + 1) | 0;
        a = b ^ (b >>> 9);
        b = (c + (c << 3)) | 0;
        c = ((c << 21) | (c >>> 11)) + word | 0;
        target[k] = word;
      }
      state[0] = a; state[1] = b; state[2] = c; state[3] = counter;
      return target;
    }

    // The next number that is uniform within (-1, 1).
    uniform() {
      return (this.words(one)[0] + 0.5) * HALF;
    }

    // Fill with numbers that are uniform within (-1, 1), from place ``first``.
    uniforms(target, first = 0) {
      const words = this.words(new Int32Array(target.length - first));
      for (let k = first; k < target.length; k++) target[k] = (words[k - first] + 0.5) * HALF;
      return target;
    }

    // Fill with standard normal numbers, from place ``first``. The generator is written out, for speed.
    normals(target, first = 0) {
      const state = this.state, count = target.length;
      let a = state[0], b = state[1], c = state[2], counter = state[3];
      for (let k = first; k < count;) {
        const word = (a + b + counter) | 0;
        counter = (counter + 1) | 0;
        a = b ^ (b >>> 9); b = (c + (c << 3)) | 0; c = ((c << 21) | (c >>> 11)) + word | 0;
        const layer = word & 255, cell = word >> 8, x = (cell + 0.5) * step[layer];
        if ((cell ^ (cell >> 31)) < sure[layer]) { target[k++] = x; continue; }
        state[0] = a; state[1] = b; state[2] = c; state[3] = counter;
        const found = layer ? this.wedge(layer, x) : this.tail(Math.sign(x));
        if (found) target[k++] = found;
        a = state[0]; b = state[1]; c = state[2]; counter = state[3];
      }
      state[0] = a; state[1] = b; state[2] = c; state[3] = counter;
      return target;
    }

    // x again if a place above it, chosen within the layer, is below the curve; otherwise 0.
    wedge(layer, x) {
      const low = high[layer], place = low + (high[layer + 1] - low) * (1 + this.uniform()) / 2;
      return place < height(x) ? x : 0;
    }

    // Beyond LAST, by Marsaglia's exponential numbers (1964).
    tail(sign) {
      for (;;) {
        const far = -Math.log((1 + this.uniform()) / 2) / LAST, test = -Math.log((1 + this.uniform()) / 2);
        if (2 * test > far * far) return sign * (LAST + far);
      }
    }
  };
})();
