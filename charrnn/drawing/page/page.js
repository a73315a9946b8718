"use strict";

// What moves on the page. Everything is read from the JSON block; text goes in as text, never as HTML.
(() => {
  const byId = (name) => document.getElementById(name);
  const data = JSON.parse(byId("data").textContent);
  const ROWS = 12; // characters that could follow, drawn one by one

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

  /** A table's row: a character, its share, and a bar. */
  function barRow(name, share) {
    const bar = element("span", { className: "bar" });
    bar.style.width = `${(100 * share).toFixed(1)}%`;
    return element(
      "tr", {},
      element("th", { scope: "row" }, element("code", {}, name)),
      element("td", { className: "number" }, percent(share)),
      element("td", { className: "room" }, bar),
    );
  }

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

  const named = (place) => data.names[ids[place]];
  const ids = unpack(data.characters);
  const at = (place) => `${data.unit} ${place + 1} is ${named(place)}`;

  function readSurprise() {
    const bits = unpack(data.surprise.bits);
    const entropy = unpack(data.surprise.entropy);
    const guesses = unpack(data.surprise.guesses);
    const chances = unpack(data.surprise.chances);
    const many = guesses.length / bits.length;
    new Reader("surprise", (place) => {
      const cost = (bits[place] / 100).toFixed(2);
      const expected = (entropy[place] / 100).toFixed(2);
      const rows = [];
      for (let n = place * many; n < (place + 1) * many; n++) {
        rows.push(barRow(data.names[guesses[n]], chances[n] / 65535));
      }
      return [
        element("p", {}, `${at(place)}: ${cost} bits. The model expected ${expected} bits here:`),
        element("table", {}, element("tbody", {}, ...rows)),
      ];
    });
  }

  /** Class of a unit's value, 0 to 255: from u0, low, to u8, high. */
  function level(unit, value) {
    const here = unit.low + (value / 255) * (unit.high - unit.low);
    const share = (here - unit.from) / (unit.to - unit.from);
    return `u${Math.min(Math.max(Math.floor(9 * share), 0), 8)}`;
  }

  function readUnits() {
    let unit = data.units[0];
    let values = unpack(unit.values);
    const choice = byId("unit-choice");
    const reader = new Reader("unit", (place) => {
      const held = unit.low + (values[place] / 255) * (unit.high - unit.low);
      return [element("p", {}, `${at(place)}: after it, unit ${unit.name} holds ${held.toFixed(2)}.`)];
    });
    const choose = (number) => {
      unit = data.units[number];
      values = unpack(unit.values);
      choice.value = number;
      byId("unit-name").textContent = `${unit.name} (${unit.features})`;
      for (const [name, value] of [["low", unit.from], ["middle", (unit.from + unit.to) / 2], ["high", unit.to]]) {
        byId(`unit-${name}`).textContent = value.toFixed(2);
      }
      reader.colour((place) => level(unit, values[place]));
    };
    data.units.forEach((each, number) => {
      choice.append(element("option", { value: number }, `${each.name}: ${each.features}`));
    });
    choice.addEventListener("change", () => choose(Number(choice.value)));
    for (const cell of document.querySelectorAll("[data-unit]")) {
      const button = element("button", { type: "button", title: "colour the text by this unit" });
      button.append(cell.textContent);
      button.addEventListener("click", () => choose(Number(cell.dataset.unit)));
      cell.replaceChildren(button);
    }
  }

  function readFollowing() {
    const prime = byId("prime-choice");
    const slider = byId("temperature");
    const draw = () => {
      const temperature = Number(slider.value);
      const scores = unpack(data.following[prime.value].scores);
      const top = scores.reduce((a, b) => Math.max(a, b));
      const weights = Array.from(scores, (s) => Math.exp((s - top) / Math.max(temperature, 1e-30)));
      const total = weights.reduce((a, b) => a + b);
      const shares = weights.map((weight) => weight / total);
      const bits = shares.reduce((sum, p) => (p > 0 ? sum - p * Math.log2(p) : sum), 0);
      const order = Array.from(scores.keys()).sort((a, b) => scores[b] - scores[a]);
      const rows = order.slice(0, ROWS).map((id) => barRow(data.names[id], shares[id]));
      if (order.length > ROWS) {
        rows.push(barRow("other", order.slice(ROWS).reduce((sum, id) => sum + shares[id], 0)));
      }
      byId("temperature-told").textContent = `${temperature.toFixed(2)}: ${Math.abs(bits).toFixed(2)} bits`;
      byId("following-table").replaceChildren(element("tbody", {}, ...rows));
    };
    data.following.forEach(({ prime: words }, number) => {
      prime.append(element("option", { value: number }, words));
    });
    prime.addEventListener("change", draw);
    slider.addEventListener("input", draw);
    draw();
  }

  for (const hidden of document.querySelectorAll(".controls")) hidden.hidden = false;
  if (data.surprise) readSurprise();
  if (data.units.length) readUnits();
  if (data.following.length) readFollowing();
})();
