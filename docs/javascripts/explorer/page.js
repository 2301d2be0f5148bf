// The controls, the address, and what is shown at every change. Each <div data-explorer="…"> of a page becomes live.
(() => {
  const explorer = globalThis.companionExplorer;
  const NAMES = {
    activation: "Activation", slope: "Slope below zero", shift: "Constant", init: "Weights", gain: "Gain",
    blocks: "Layers", scale: "Branch scale α", depth: "Depth", width: "Width", seed: "Seed",
  };
  // ms: of drawing networks before the first picture; before a change is read aloud; before it is one to go back to
  const AT_ONCE = 40, PAUSE = 700, REST = 2000;

  class Place {
    constructor(element, number) {
      this.element = element;
      this.id = `explorer-${number}`;
      this.whole = element.dataset.controls === undefined; // the page of its own: it keeps the address
      this.names = this.whole ? Object.keys(NAMES) : element.dataset.controls.split(" ");
      this.shown = (element.dataset.panels ?? "signal gradient").split(" ");
      this.parts = Object.fromEntries(["figures", "sentence", "tables"].map((k) => [k, element.querySelector(`.${k}`)]));
      this.settings = explorer.read((this.whole && location.search) || element.dataset.explorer);
      this.controls();
      if (this.whole) {
        addEventListener("popstate", () => this.go(explorer.read(location.search || element.dataset.explorer)));
        document.addEventListener("click", (event) => this.follow(event));
      }
      const fit = new ResizeObserver(() => this.fits() || this.draw());
      fit.observe(element);
      this.go(this.settings);
    }

    // A link to other settings of this very page changes them, without loading it again.
    follow(event) {
      const link = event.target.closest?.("a[href]");
      if (!link?.search || link.pathname !== location.pathname || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      this.go(explorer.read(link.search));
      this.address();
      this.element.scrollIntoView({ block: "start" });
    }

    controls() {
      const form = document.createElement("form");
      form.innerHTML = this.names.map((name) => this.control(name)).join("");
      form.setAttribute("aria-label", "Settings");
      form.addEventListener("submit", (event) => event.preventDefault());
      form.addEventListener("input", (event) => { this.take(form); this.address(event.target.name); });
      form.querySelector(".again")?.addEventListener("click", () => {
        this.go({ ...this.settings, seed: (this.settings.seed + 1) % (explorer.RANGES.seed[1] + 1) });
        this.address();
      });
      this.live = document.createElement("p");
      this.live.className = "aloud";
      this.live.setAttribute("role", "status");
      this.element.prepend(form, this.live);
      this.element.querySelector(".still").remove();
      this.form = form;
    }

    control(name) {
      const id = `${this.id}-${name}`, choices = explorer.CHOICES[name];
      if (choices) {
        const options = Object.entries(choices).map(([value, text]) => `<option value="${value}">${text}</option>`);
        return `<div><label for="${id}">${NAMES[name]}</label><select id="${id}" name="${name}">${options.join("")}</select></div>`;
      }
      const [lowest, highest, step] = name === "width" ? [0, explorer.WIDTHS.length - 1, 1] : explorer.RANGES[name];
      const limits = `min="${lowest}" max="${highest}" step="${step}"`;
      if (name === "seed")
        return `<div class="seed"><label for="${id}">${NAMES[name]}</label><input id="${id}" name="${name}" type="number" inputmode="numeric" ${limits}>` +
          `<button type="button" class="again">Other networks</button></div>`;
      return `<div><label for="${id}">${NAMES[name]}</label><span class="value" aria-hidden="true"></span><input id="${id}" name="${name}" type="range" ${limits}></div>`;
    }

    // From the form to the settings.
    take(form) {
      const asked = { ...this.settings };
      for (const name of this.names) {
        const value = form.elements[name].value;
        asked[name] = name === "width" ? this.widthAt(Number(value)) : value;
      }
      this.go(explorer.read(new URLSearchParams(asked)));
    }

    // The width in the address need not be one of the slider's: it stays until the slider is moved.
    widthAt(place) {
      return place === this.nearest(this.settings.width) ? this.settings.width : explorer.WIDTHS[place];
    }
    nearest(width) {
      const far = explorer.WIDTHS.map((each) => Math.abs(Math.log(each / width)));
      return far.indexOf(Math.min(...far));
    }

    // To other settings: show them in the form, and draw.
    go(settings) {
      this.settings = settings;
      for (const name of this.names) {
        const field = this.form.elements[name], value = settings[name];
        const text = name === "width" ? String(this.nearest(value)) : String(value);
        if (field.value !== text && !(name === "seed" && field === document.activeElement && field.value === "")) field.value = text;
        if (field.type === "range") {
          field.parentElement.querySelector(".value").textContent = this.told(name, value);
          field.setAttribute("aria-valuetext", this.told(name, value));
        }
        field.parentElement.hidden = !explorer.matters(name, settings);
      }
      this.sample();
    }

    told(name, value) {
      const { depth } = this.settings;
      if (name === "scale" && Math.abs(value - 1 / Math.sqrt(depth)) < 0.005) return `${value.toFixed(2)} ≈ 1/√L`;
      const units = { depth: ["layer", "layers"], width: ["unit", "units"] }[name];
      if (name === "depth" && this.settings.blocks === "residual") units.splice(0, 2, "block", "blocks");
      return units ? `${value} ${units[Number(value !== 1)]}` : Number(value).toFixed(2);
    }

    query() {
      const written = explorer.write(this.settings);
      return written ? `?${written}` : location.pathname;
    }

    // A new entry for the back button; or the last one changed, while the same control is being moved.
    address(name) {
      if (!this.whole) return;
      const now = performance.now(), goesOn = name && name === this.moved?.name && now - this.moved.at < REST;
      this.moved = { name, at: now };
      history[goesOn ? "replaceState" : "pushState"](null, "", this.query());
    }

    // As many networks as there is time for; the others one by one, each with a picture.
    sample() {
      const start = performance.now(), turn = (this.turn = {});
      this.networks = [];
      const more = () => {
        const begin = performance.now();
        do this.networks.push(explorer.network(this.settings, this.networks.length));
        while (this.networks.length < explorer.NETWORKS && performance.now() - begin < AT_ONCE);
        this.draw();
        this.milliseconds = performance.now() - start; // benchmarks/explorer.py reads it
        if (this.networks.length < explorer.NETWORKS) setTimeout(() => turn === this.turn && more());
      };
      more();
    }

    size() {
      const wide = this.element.clientWidth, count = this.shown.length > 1 && wide >= 640 ? this.shown.length : 1;
      return Math.max(280, Math.floor((wide - 16 * (count - 1)) / count));
    }
    fits() { return this.drawn === this.size(); }

    draw() {
      const width = (this.drawn = this.size());
      const height = Math.min(320, Math.max(230, Math.round(width * 0.62)));
      const found = explorer.output(this.settings, this.networks, { width, height, shown: this.shown });
      this.parts.figures.innerHTML = found.figures;
      this.parts.sentence.innerHTML = found.sentence;
      this.parts.tables.innerHTML = found.tables;
      clearTimeout(this.waiting);
      const spoken = this.parts.sentence.textContent;
      if (this.spoken !== undefined && this.spoken !== spoken)
        this.waiting = setTimeout(() => { this.live.textContent = this.spoken = spoken; }, PAUSE);
      this.spoken ??= spoken;
    }
  }

  document.querySelectorAll("[data-explorer]").forEach((element, number) => { element.place = new Place(element, number); });
})();
