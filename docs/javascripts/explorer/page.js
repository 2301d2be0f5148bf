// The controls, the address, and what is shown at every change. Each <div data-explorer="…"> of a page becomes live.
(() => {
  const explorer = globalThis.companionExplorer;
  // ms: of drawing networks before the first picture; before a change is read aloud; before it is one to go back to
  const AT_ONCE = 40, PAUSE = 700, REST = 2000;

  class Place {
    constructor(element) {
      this.element = element;
      this.whole = element.dataset.controls === undefined; // the page of its own: it keeps the address
      this.names = this.whole ? explorer.NAMES : element.dataset.controls.split(" ");
      this.shown = (element.dataset.panels ?? "signal gradient").split(" ");
      this.parts = {};
      for (const name of ["figures", "sentence", "tables"]) this.parts[name] = element.querySelector(`.${name}`);
      this.settings = explorer.read((this.whole && location.search) || element.dataset.explorer);
      this.controls();
      if (this.whole) {
        addEventListener("popstate", () => this.go(explorer.read(location.search || element.dataset.explorer)));
        document.addEventListener("click", (event) => this.follow(event));
      }
      element.addEventListener("pointermove", (event) => this.point(event));
      element.addEventListener("pointerleave", () => this.point());
      const fit = new ResizeObserver(() => this.fits() || this.draw());
      fit.observe(element);
      this.go(this.settings);
    }

    // A link to other settings of this very page changes them, without loading it again.
    follow(event) {
      const link = event.target.closest?.("a[href]");
      const elsewhere = event.ctrlKey || event.metaKey || event.shiftKey; // in another tab or window
      if (!link?.search || link.pathname !== location.pathname || elsewhere) return;
      event.preventDefault();
      this.go(explorer.read(link.search));
      this.address();
      this.element.scrollIntoView({ block: "start" });
    }

    controls() {
      const form = (this.form = this.element.querySelector("form"));
      form.addEventListener("submit", (event) => event.preventDefault());
      form.addEventListener("input", (event) => { this.take(form); this.address(event.target.name); });
      form.querySelector(".again")?.addEventListener("click", () => {
        this.go({ ...this.settings, seed: (this.settings.seed + 1) % (explorer.RANGES.seed[1] + 1) });
        this.address();
      });
      this.live = this.element.querySelector(".aloud");
      this.element.querySelector(".still").remove();
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
        const typing = name === "seed" && field.value === "" && field === document.activeElement;
        if (field.value !== text && !typing) field.value = text;
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
      const near = (other, gap) => Math.abs(value - other) < gap;
      if (name === "scale" && depth > 1 && near(1 / Math.sqrt(depth), 0.005)) return `${value.toFixed(2)} ≈ 1/√L`;
      if (name === "gain") return `${value.toFixed(3)}${near(Math.SQRT2, 0.001) ? " ≈ √2" : ""}`;
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
      if (explorer.size(this.settings) <= explorer.LIGHT) return more();
      this.draw(); // what is predicted comes at once
      setTimeout(() => turn === this.turn && more(), AT_ONCE);
    }

    // What is predicted for the layer under the pointer, in place of the axis's name; the table has it for everyone.
    point(event) {
      const svg = event?.target.closest?.("svg[data-panel]");
      for (const each of this.element.querySelectorAll("svg[data-panel]")) {
        const panel = this.panels[each.dataset.panel], box = each.getBoundingClientRect(), width = this.drawn;
        const at = each === svg && explorer.under(panel, width, ((event.clientX - box.left) * width) / box.width);
        each.querySelector(".axis").textContent = at ? at.told : panel.axis;
        each.querySelector(".guide").setAttribute("transform", `translate(${at ? at.x : -9})`);
      }
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
      this.panels = found.panels;
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

  // Those of other pages start when they come near: until then the picture stands still, as it was built.
  const start = (element) => { element.place = new Place(element); };
  const near = new IntersectionObserver((entries) => {
    for (const { target } of entries.filter((entry) => entry.isIntersecting)) {
      near.unobserve(target);
      start(target);
    }
  }, { rootMargin: "100% 0px" });
  for (const element of document.querySelectorAll("[data-explorer]"))
    element.dataset.controls === undefined ? start(element) : near.observe(element);
})();
