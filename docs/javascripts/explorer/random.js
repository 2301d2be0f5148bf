// Random numbers that a seed makes again: Doty-Humphrey's sfc32 (PractRand), and Marsaglia's polar method for normals.
(() => {
  const explorer = (globalThis.companionExplorer ??= {});
  const HALF = 2 ** -31; // 32 bits with a sign, to the middle of one of 2^32 cells of (-1, 1)

  explorer.Random = class {
    // Streams of one seed are far apart: three words start the generator, and fifteen rounds mix them.
    constructor(seed, stream) {
      this.state = [seed >>> 0, stream >>> 0, 0, 1];
      this.words(new Uint32Array(15));
    }

    // Fill with words of 32 bits.
    words(target) {
      let [a, b, c, counter] = this.state;
      for (let k = 0; k < target.length; k++) {
        const word = (a + b + counter) | 0;
        counter = (counter + 1) | 0;
        a = b ^ (b >>> 9);
        b = (c + (c << 3)) | 0;
        c = ((c << 21) | (c >>> 11)) + word | 0;
        target[k] = word;
      }
      this.state = [a, b, c, counter];
      return target;
    }

    // Fill the first ``count`` places with numbers that are uniform within (-1, 1).
    uniforms(target, count) {
      const words = new Int32Array(this.words(new Uint32Array(count)).buffer);
      for (let k = 0; k < count; k++) target[k] = (words[k] + 0.5) * HALF;
      return target;
    }

    // Fill the first ``count`` places with standard normal numbers. The generator is written out, for speed.
    normals(target, count) {
      let [a, b, c, counter] = this.state;
      for (let k = 0; k < count; k += 2) {
        let x, y, square;
        do {
          let word = (a + b + counter) | 0;
          a = b ^ (b >>> 9); b = (c + (c << 3)) | 0; c = ((c << 21) | (c >>> 11)) + word | 0;
          x = (word + 0.5) * HALF;
          word = (a + b + counter + 1) | 0;
          a = b ^ (b >>> 9); b = (c + (c << 3)) | 0; c = ((c << 21) | (c >>> 11)) + word | 0;
          y = (word + 0.5) * HALF;
          counter = (counter + 2) | 0;
          square = x * x + y * y;
        } while (square >= 1);
        const factor = Math.sqrt(-2 * Math.log(square) / square);
        target[k] = x * factor;
        if (k + 1 < count) target[k + 1] = y * factor;
      }
      this.state = [a, b, c, counter];
      return target;
    }
  };
})();
