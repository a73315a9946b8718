// What all kinds of pages tell with. Text goes in as text, never as HTML.

const QUIET = 1200; // milliseconds without a change after which a screen reader is told

const byId = (name) => document.getElementById(name);

function made(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

/** Let an element say something; what it says already stays as it is. */
function say(name, words) {
  const element = byId(name);
  if (element.textContent !== words) element.textContent = words;
}

/** Which of a text's signs stands before a cursor; -1 at the beginning. */
function signBefore(signs, cursor) {
  let [place, end] = [-1, 0];
  while (place + 1 < signs.length && end < cursor) end += signs[++place].length;
  return place;
}

function percent(share) {
  if (share > 0 && share < 0.001) return "<0.1 %";
  return `${(100 * share).toFixed(share >= 0.1 || share === 0 ? 0 : 1)} %`;
}

/** A number to so many places; what is nothing to so many has no minus. */
function decimals(number, places) {
  const told = number.toFixed(places);
  return /[1-9a-z]/iu.test(told) ? told : told.replace("-", "");
}

const counted = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;

/** A sign of a text where it stands alone. */
function named(sign, alphabet) {
  const id = alphabet.numbers.get(sign);
  if (id !== undefined && !(alphabet.bytes && sign > "\x7f")) return alphabet.names[id];
  if (sign === " ") return "␣";
  const seen = /^[\p{L}\p{N}\p{P}\p{S}\p{M}]+$/u.test(sign);
  return seen ? sign : `U+${sign.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
}

/** Tell what a model does not know: names, with the numbers that are read in their place. */
function tellUnknown(unknown, alphabet) {
  byId("unknown").hidden = !unknown.size;
  const told = Array.from(unknown).slice(0, 12).map(([sign, ids]) => {
    const read = ids.map((id) => alphabet.names[id]).join("");
    return `${named(sign, alphabet)}, and reads ${read || "nothing"} in its place`;
  });
  say("unknown", told.length ? `The model does not know ${told.join("; ")}.` : "");
}

/** Tell that a box takes no more, which cuts what is put in. */
function tellFull(box) {
  byId("full").hidden = box.value.length < box.maxLength;
  say("full", byId("full").hidden ? "" : `The box is full: it holds ${counted(box.maxLength, "character")}, and cuts what is more.`);
}

/** A number that can be used; one that cannot counts as it stood at first, and is marked by the browser. */
function numberIn(name) {
  const input = byId(name);
  return Number(input.value === "" || !input.validity.valid ? input.defaultValue : input.value);
}

/** The text in colours that lies below the one that is typed: a span for each sign, of which only those that changed are drawn. */
class Mirror {
  constructor(element) {
    this.element = element;
    this.painted = [];
  }

  paint(signs, classOf) {
    const { element, painted } = this;
    signs.forEach((sign, place) => {
      const className = classOf(sign, place);
      const before = painted[place];
      if (before?.sign === sign && before.className === className) return;
      const span = element.children[place] ?? element.appendChild(made("span"));
      if (before?.sign !== sign) span.textContent = sign;
      span.className = className;
      painted[place] = { sign, className };
    });
    painted.length = signs.length;
    while (element.children.length > signs.length) element.lastChild.remove();
  }
}

/**
 * What is done with the text of a box, so little in each frame that typing never waits: `work` does some of it and says whether
 * more is left, `paint` shows how far it is. A browser takes its time to draw a long text: that is shown now and then.
 */
class Framed {
  constructor() {
    Object.assign(this, { box: byId("text"), mirror: new Mirror(byId("written")), painted: 0, frame: null });
    this.box.addEventListener("input", () => this.changed());
    for (const kind of ["keyup", "click"]) this.box.addEventListener(kind, () => this.moved());
    document.addEventListener("selectionchange", () => this.moved());
  }

  get text() {
    return this.box.value;
  }

  /** Something is another one: it is to be seen, and there is more to be done. */
  soon() {
    this.due = true;
    this.later();
  }

  later() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      telling(() => this.turn());
    });
  }

  turn() {
    const more = this.work();
    if (this.due || !more || performance.now() - this.painted > this.text.length / 40) {
      this.paint();
      this.due = false;
      this.painted = performance.now();
    }
    if (more) this.later();
  }
}

/** Do something, or tell why that cannot be. */
function telling(what) {
  try {
    what();
  } catch (error) {
    byId("problem").textContent = `This browser cannot run the model: ${error.message}`;
    byId("problem").hidden = false;
    throw error;
  }
}

/** Begin with what the page holds. */
function begin(start) {
  telling(() => {
    const { labels, ...parts } = JSON.parse(byId("data").textContent).playground;
    start(parts, labels);
  });
}
