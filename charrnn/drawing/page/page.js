"use strict";

// What moves on the page. Everything is read from the JSON block; text goes in as text, never as HTML.
(() => {
  const byId = (name) => document.getElementById(name);
  const data = JSON.parse(byId("data").textContent);

  /** Little-endian numbers, packed as base64. */
  function unpack({ type, bytes }) {
    const Numbers = { u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, f4: Float32Array }[type];
    return new Numbers(Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0)).buffer);
  }

  function element(name, properties = {}, ...children) {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  }

  function percent(share) {
    if (share > 0 && share < 0.001) return "<0.1 %";
    return `${(100 * share).toFixed(share >= 0.1 || share === 0 ? 0 : 1)} %`;
  }

  /** A table's row: a name, a share, and a bar. */
  function barRow(name, share) {
    const bar = element("span", { className: "bar" });
    bar.style.width = `${(100 * share).toFixed(1)}%`;
    const room = element("span", { className: "room" }, bar);
    return element(
      "tr", {},
      element("th", { scope: "row" }, name),
      element("td", {}, element("span", { className: "measure" }, percent(share), room)),
    );
  }

  const sign = (number) => element("code", {}, data.names[number]);

  /** A text through which a cursor goes: by mouse, by touch, by arrow keys and by a slider. */
  class Reader {
    /**
     * @param name  of the text: `name-text`, its slider `name-place`, what is told `name-told`
     * @param tell  from a place to the nodes that tell of it; the first one's text is also read out
     */
    constructor(name, tell) {
      this.box = byId(`${name}-text`);
      this.characters = this.box.children;
      this.slider = byId(`${name}-place`);
      this.told = byId(`${name}-told`);
      this.tell = tell;
      this.place = 0;
      const follow = (event) => {
        const index = Array.prototype.indexOf.call(this.characters, event.target);
        if (index >= 0) this.go(index);
      };
      this.box.addEventListener("mouseover", follow);
      this.box.addEventListener("click", follow);
      this.box.addEventListener("keydown", (event) => this.key(event));
      this.slider.addEventListener("input", () => this.go(this.slider.value - 1, true));
      this.go(0);
    }

    go(place, scroll = false) {
      this.characters[this.place].classList.remove("here");
      this.place = Math.min(Math.max(place, 0), this.characters.length - 1);
      const here = this.characters[this.place];
      here.classList.add("here");
      if (scroll) this.show(here);
      const nodes = this.tell(this.place);
      this.told.replaceChildren(...nodes);
      this.slider.value = this.place + 1;
      this.slider.setAttribute("aria-valuetext", nodes[0].textContent);
    }

    /** Scroll the box, and nothing else, until a character is in sight. */
    show(here) {
      const top = here.offsetTop - here.offsetHeight;
      const bottom = here.offsetTop + 2 * here.offsetHeight - this.box.clientHeight;
      this.box.scrollTop = Math.min(Math.max(this.box.scrollTop, bottom), top);
    }

    key(event) {
      const places = {
        ArrowLeft: () => this.place - 1,
        ArrowRight: () => this.place + 1,
        ArrowUp: () => this.line(-1),
        ArrowDown: () => this.line(1),
        Home: () => 0,
        End: () => this.characters.length - 1,
      };
      if (!(event.key in places) || event.ctrlKey || event.altKey || event.metaKey) return;
      event.preventDefault();
      this.go(places[event.key](), true);
    }

    /** The place above (-1) or below (1) this one. */
    line(step) {
      const { offsetTop: top, offsetLeft: left } = this.characters[this.place];
      let place = this.place;
      let row = top;
      while (this.characters[place + step]) {
        const next = this.characters[place + step];
        if (next.offsetTop !== row) {
          if (row !== top) break; // past the end of the line that was looked for
          row = next.offsetTop;
        }
        place += step;
        if (row !== top && step * (next.offsetLeft - left) >= 0) break;
      }
      return place;
    }

    /** Give each character a class. */
    colour(classOf) {
      for (let place = 0; place < this.characters.length; place++) {
        this.characters[place].className = classOf(place);
      }
      this.go(this.place);
    }
  }

  /** Two digits, and no -0. */
  const fixed = (value) => (Math.round(100 * value) / 100 + 0).toFixed(2);

  /** What the passage is coloured by: what it holds at each place, and the class of its colour. */
  function unpackColouring(colouring) {
    const [steps, levels] = [unpack(colouring.values), unpack(colouring.levels)];
    const { low, high, letter } = colouring;
    return {
      ...colouring,
      at: (place) => fixed(low + (steps[place] / 255) * (high - low)),
      level: (place) => letter + levels[steps[place]],
    };
  }

  /** A passage: what is told at each place, and the choice of its colours. */
  function readPassage(name, { unit, first, characters, colourings, guesses }) {
    const ids = unpack(characters);
    const all = colourings.map(unpackColouring);
    let chosen = all[0];
    const at = (place) => `${unit} ${first + place + 1} is ${data.names[ids[place]]}`;
    const reader = new Reader(name, guesses ? guessed(guesses, at) : (place) => [
      element("p", {}, `${at(place)}: after it, ${chosen.name} ${chosen.unit} ${chosen.at(place)}.`),
    ]);
    const choice = byId(`${name}-choice`);
    if (!choice) return;
    const choose = (number) => {
      chosen = all[number];
      choice.value = number;
      byId(`${name}-name`).textContent = chosen.label;
      byId(`${name}-unit`).textContent = chosen.unit;
      const legend = chosen.legend.map(([className, words]) => element("span", { className }, words));
      byId(`${name}-legend`).replaceChildren(...legend);
      reader.colour(chosen.level);
    };
    all.forEach((each, number) => {
      choice.append(element("option", { value: number }, each.label));
      for (const pick of document.querySelectorAll("[data-pick]")) {
        if (pick.dataset.pick !== each.name || pick.firstElementChild) continue;
        const title = `colour the text by ${each.name}`;
        const button = element("button", { type: "button", title }, pick.textContent);
        button.addEventListener("click", () => choose(number));
        pick.replaceChildren(button);
      }
    });
    choice.addEventListener("change", () => choose(Number(choice.value)));
  }

  /** From a place to what it cost, and what was expected there. */
  function guessed(guesses, at) {
    const [bits, entropy] = [unpack(guesses.bits), unpack(guesses.entropy)];
    const [symbols, chances] = [unpack(guesses.symbols), unpack(guesses.chances)];
    const many = symbols.length / bits.length;
    return (place) => {
      const [cost, expected] = [bits, entropy].map((values) => (values[place] / 100).toFixed(2));
      const rows = [];
      for (let n = place * many; n < (place + 1) * many; n++) {
        rows.push(barRow(sign(symbols[n]), chances[n] / 65535));
      }
      return [
        element("p", {}, `${at(place)}: ${cost} bits. The model expected ${expected} bits here:`),
        element("table", {}, element("tbody", {}, ...rows)),
      ];
    };
  }

  /** Distributions: one of them and its temperature are chosen. */
  function readDistributions(name, { most, symbols, distributions }) {
    const choice = byId(`${name}-choice`);
    const slider = byId(`${name}-temperature`);
    const ids = unpack(symbols);
    const draw = () => {
      const temperature = Number(slider.value);
      const scores = unpack(distributions[choice.value].scores);
      const top = scores.reduce((a, b) => Math.max(a, b));
      const weights = Array.from(scores, (s) => Math.exp((s - top) / Math.max(temperature, 1e-30)));
      const total = weights.reduce((a, b) => a + b);
      const shares = weights.map((weight) => weight / total);
      const bits = shares.reduce((sum, p) => (p > 0 ? sum - p * Math.log2(p) : sum), 0);
      const order = Array.from(scores.keys()).sort((a, b) => scores[b] - scores[a]);
      const rows = order.slice(0, most).map((n) => barRow(sign(ids[n]), shares[n]));
      if (order.length > most) {
        rows.push(barRow("other", order.slice(most).reduce((sum, n) => sum + shares[n], 0)));
      }
      byId(`${name}-told`).textContent = `${temperature.toFixed(2)}: ${Math.abs(bits).toFixed(2)} bits`;
      byId(`${name}-table`).replaceChildren(element("tbody", {}, ...rows));
    };
    distributions.forEach(({ before }, number) => {
      choice.append(element("option", { value: number }, before));
    });
    choice.addEventListener("change", draw);
    slider.addEventListener("input", draw);
    draw();
  }

  for (const hidden of document.querySelectorAll(".scripted")) hidden.hidden = false;
  for (const [name, passage] of Object.entries(data.passages)) readPassage(name, passage);
  for (const [name, found] of Object.entries(data.distributions)) readDistributions(name, found);
})();
