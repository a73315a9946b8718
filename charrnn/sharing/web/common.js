// What all kinds of pages tell with. Text goes in as text, never as HTML.

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

function percent(share) {
  if (share > 0 && share < 0.001) return "<0.1 %";
  return `${(100 * share).toFixed(share >= 0.1 || share === 0 ? 0 : 1)} %`;
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
