// The page of a model that writes: what is typed, what the model suggests, and what is told of both.

const COULD = 8; // next characters to choose among
const AHEAD = 40; // characters that are suggested
const PATIENCE = [8, 10]; // milliseconds of a frame for reading, and for writing
const QUIET = 1200; // milliseconds without a change after which a screen reader is told
const LEVELS = 9; // colours of a scale

/** How many of these bytes are whole characters of UTF-8. */
function whole(ids) {
  for (let back = 1; back <= Math.min(3, ids.length); back++) {
    const byte = ids.at(-back);
    if (byte < 0x80) break;
    if (byte < 0xc0) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    return length > back ? ids.length - back : ids.length;
  }
  return ids.length;
}

class Playground extends Framed {
  constructor(core, labels) {
    super();
    Object.assign(this, core);
    this.reading = new Reading(this.model, this.alphabet);
    this.past = []; // the texts before and after each thing that was done by a button
    this.left = 0; // characters that are still to be written
    this.away = false; // whether the suggestion was put away
    this.from = ""; // the text from which the seed goes on
    this.number = 0n; // which record it has come to
    this.ahead = null; // what follows that text, as far as it is known
    this.noun = this.alphabet.bytes ? "byte" : "character";
    this.prepare(labels);
    this.listen();
    for (const name of ["write", "choice", "colour"]) byId(`${name}-section`).hidden = false;
    this.changed();
  }

  prepare(labels) {
    const option = (name, value) => made("option", { value }, name);
    const options = (id, names) => byId(id).append(...names.map(option));
    if (labels.length) {
      options("label", labels);
      byId("label-row").hidden = false;
      this.reading.label = 0;
    }
    const { model } = this;
    if (model.context === null) {
      options("unit-layer", Array.from({ length: model.levels }, (_, level) => String(level)));
      byId("unit-number").max = model.hidden - 1;
      byId("unit-part-row").hidden = model.kind.states < 2;
    } else {
      byId("colour").querySelector("[value=unit]").remove(); // it holds nothing
    }
    byId("next").append(...Array.from({ length: COULD }, (_, place) => {
      const button = made("button", { type: "button" }, made("b"), made("span", { className: "share" }),
        made("span", { className: "room" }, made("span", { className: "bar" })));
      button.addEventListener("click", () => this.insert(this.could[place]));
      return button;
    }));
  }

  listen() {
    this.box.addEventListener("keydown", (event) => this.key(event));
    byId("take").addEventListener("click", () => this.take());
    byId("write").addEventListener("click", () => this.write());
    byId("back").addEventListener("click", () => this.takeBack());
    byId("clear").addEventListener("click", () => {
      this.remember();
      this.put("");
      this.box.focus();
    });
    for (const name of ["temperature", "top-k", "top-p", "min-p", "seed", "length"]) {
      byId(name).addEventListener("input", () => this.chosen());
    }
    byId("label").addEventListener("change", () => {
      this.reading.label = Number(byId("label").value);
      this.reread();
    });
    for (const name of ["colour", "unit-layer", "unit-number", "unit-part"]) {
      byId(name).addEventListener("input", () => this.recolour());
    }
  }

  get settings() {
    const seed = byId("seed");
    const given = BigInt(/^[0-9]{1,20}$/.test(seed.value) ? seed.value : seed.defaultValue);
    return {
      temperature: numberIn("temperature"), topK: numberIn("top-k"), topP: numberIn("top-p"), minP: numberIn("min-p"),
      seed: BigInt.asUintN(64, given), length: numberIn("length"),
    };
  }

  // ------------------------------------------------------------------------------------ the text and what follows

  /** The text or what it is read with is another one: what follows is to be found anew, unless it is what was expected. */
  changed() {
    if (this.from !== this.text) {
      this.away = false;
      this.chosen();
    }
    this.reading.expect(this.text);
    this.soon();
  }

  /** How characters are chosen is another way: the seed begins here. */
  chosen() {
    this.from = this.text;
    this.number = 0n;
    this.ahead = null;
    this.left = 0;
    this.soon();
  }

  reread() {
    this.reading.forget();
    this.chosen();
    this.changed();
  }

  /** Some more reading and writing. */
  work() {
    const [reading, writing] = PATIENCE;
    this.reading.advance(reading);
    if (this.reading.done || this.ahead) this.goOn(performance.now() + writing);
    if (this.left) this.pour();
    return !this.reading.done || this.left > 0 || !this.ahead || (this.wanting && !this.away);
  }

  get wanting() {
    const { ids, ended } = this.ahead;
    return !ended && ids.length < AHEAD;
  }

  /** Find more of what follows. */
  goOn(until) {
    if (!this.ahead) {
      const { settings, reading, number } = this;
      if (!reading.last.every(Number.isFinite)) throw new Error("the model's numbers overflow");
      const seed = BigInt.asUintN(64, settings.seed + number);
      const writer = new Writer(this.model, reading.stepper.state, reading.last, settings, seed);
      this.ahead = { ids: [], ended: false, writer };
    }
    const { ahead } = this;
    const most = Math.max(AHEAD, this.left);
    while (!ahead.ended && ahead.ids.length < most && performance.now() < until) {
      const id = ahead.writer.next();
      ahead.ids.push(id);
      ahead.ended = id === this.alphabet.end;
    }
  }

  /** Put so many of the characters that follow to the text; the seed goes on. */
  taken(count, typed) {
    const { ahead } = this;
    const text = this.alphabet.text(ahead.ids.splice(0, count));
    this.from = this.text + text;
    if (ahead.ended && !ahead.ids.length) { // the next record has the seed after this one's
      this.ahead = null;
      this.number += 1n;
    }
    this.append(text, typed);
  }

  append(text, typed) {
    const { box } = this;
    const sheet = byId("sheet");
    const end = box.value.length;
    const follows = box.selectionEnd === end || document.activeElement !== box; // else somebody reads further up
    const below = sheet.scrollHeight - sheet.scrollTop - sheet.clientHeight < 60;
    // As if it were typed, so that the browser can undo it.
    if (!typed || !document.execCommand("insertText", false, text)) {
      box.setRangeText(text, end, end, follows ? "end" : "preserve");
      this.done();
    }
    if (follows && below) this.scrolls = true;
  }

  get suggestion() {
    if (!this.ahead || this.away || this.left) return [];
    const ids = this.ahead.ids.slice(0, AHEAD);
    if (this.alphabet.bytes) ids.length = whole(ids);
    const line = ids.indexOf(this.alphabet.numbers.get("\n"), 1);
    return line > 0 ? ids.slice(0, line) : ids;
  }

  take() {
    const count = this.suggestion.length;
    if (!count) return;
    const typed = document.activeElement === this.box;
    if (!typed) this.remember();
    this.taken(count, typed);
  }

  takeWord() {
    const text = this.alphabet.text(this.suggestion);
    const word = /^\s*\S*/u.exec(text)[0];
    const ids = this.suggestion;
    let count = 0;
    while (count < ids.length && this.alphabet.text(ids.slice(0, count)).length < word.length) count++;
    if (count) this.taken(count, true);
  }

  /** Begin to write, or stop. */
  write() {
    if (this.left) {
      this.left = 0;
    } else {
      this.remember();
      this.left = this.settings.length;
    }
    this.soon();
  }

  /** Let what was written come to the text. */
  pour() {
    if (!this.ahead) return;
    const { ids, ended } = this.ahead;
    const most = Math.min(this.left, this.box.maxLength - this.text.length);
    let count = Math.min(ids.length, most);
    if (this.alphabet.bytes) count = whole(ids.slice(0, count));
    const over = (ended && count === ids.length) || (!count && ids.length >= most);
    const left = over ? 0 : most - count;
    if (count) this.taken(count, false);
    this.left = left;
  }

  remember() {
    this.past.push({ before: this.text, after: null });
    if (this.past.length > 100) this.past.shift();
  }

  /** A button has changed the text, which the browser cannot undo. */
  done() {
    if (this.past.length) this.past.at(-1).after = this.text;
    this.changed();
  }

  put(text) {
    this.box.value = text;
    this.done();
  }

  /** Whether the last change is that of a button: what was typed since is the browser's to undo, and nobody's to lose. */
  get canTakeBack() {
    return this.past.at(-1)?.after === this.text;
  }

  takeBack() {
    this.box.value = this.past.pop().before;
    this.changed();
  }

  insert(id) {
    this.remember();
    this.append(this.alphabet.text([id]), false);
  }

  key(event) {
    const { box } = this;
    const atEnd = box.selectionStart === box.value.length && box.selectionEnd === box.value.length;
    const there = atEnd && this.suggestion.length > 0;
    const modified = event.ctrlKey || event.altKey || event.metaKey;
    const undoes = event.key === "z" && (event.ctrlKey || event.metaKey) && !event.altKey;
    if (event.isComposing) return; // keys are then those of an input method
    if (undoes && this.canTakeBack) {
      event.preventDefault();
      this.takeBack();
    } else if (event.key === "Tab" && !event.shiftKey && !modified && there) {
      event.preventDefault();
      this.take();
    } else if (event.key === "ArrowRight" && modified && !event.shiftKey && there) {
      event.preventDefault();
      this.takeWord();
    } else if (event.key === "Escape") {
      this.left = 0;
      this.away = true;
      this.soon();
    }
  }

  // --------------------------------------------------------------------------------------------- what is told

  recolour() {
    const { model } = this;
    const row = byId("unit-row");
    row.hidden = byId("colour").value !== "unit";
    const number = byId("unit-number");
    let place = null;
    if (!row.hidden && number.validity.valid && number.value !== "") {
      const [level, part] = [Number(byId("unit-layer").value), Number(byId("unit-part").value)];
      place = (level * model.kind.states + part) * model.hidden + Number(number.value);
    }
    if (place !== this.reading.unit) {
      this.reading.unit = place;
      if (place !== null) this.reread();
    }
    this.soon();
  }

  /** What a unit may hold in this text, either way. */
  get reach() {
    const cell = byId("unit-part").value === "1" || this.model.cell === "rnn-relu";
    return cell ? this.reading.held.reduce((most, value) => Math.max(most, Math.abs(value)), 1) : 1;
  }

  paint() {
    const { reading, alphabet } = this;
    const by = byId("colour").value;
    const reach = this.reach;
    const unknown = new Map();
    this.mirror.paint(reading.wanted, (sign, place) => {
      const lacking = alphabet.lacking(sign);
      for (const [name, ids] of lacking) unknown.set(name, ids);
      if (lacking.length) return "unknown";
      if (place >= reading.signs.length) return "";
      if (by === "surprise") return `s${Math.min(LEVELS - 1, Math.floor(reading.bits[place] ?? 0))}`;
      return by === "unit" && reading.unit !== null ? `u${this.level(reading.held[place], reach)}` : "";
    });
    const ghost = alphabet.text(this.suggestion);
    say("ghost", ghost);
    byId("take").disabled = !ghost;
    if (this.scrolls) byId("sheet").scrollTop = byId("sheet").scrollHeight;
    this.scrolls = false;
    const much = alphabet.end === null ? counted(this.settings.length, this.noun) : "a line";
    say("write", this.left ? "Stop" : `Write ${much}`);
    byId("back").disabled = !this.canTakeBack;
    for (const name of ["temperature", "top-p", "min-p"]) {
      say(`${name}-told`, Number(byId(name).value).toFixed(2));
    }
    tellUnknown(unknown, alphabet);
    tellFull(this.box);
    this.tellNext();
    this.tellLegend(by, reach);
    this.tellSum();
    this.tell();
  }

  level(value, reach) {
    return Math.min(LEVELS - 1, Math.max(0, Math.floor((LEVELS * (value + reach)) / (2 * reach))));
  }

  tellNext() {
    const { reading, settings } = this;
    if (!reading.done) return;
    const chances = shares(filtered(reading.last, settings), settings.temperature);
    this.could = ranked(chances).slice(0, COULD);
    Array.from(byId("next").children, (button, place) => {
      const id = this.could[place];
      const share = chances[id] ?? 0;
      button.hidden = !(share > 0);
      if (button.hidden) return;
      const [sign, told, room] = button.children;
      sign.textContent = this.alphabet.names[id];
      told.textContent = percent(share);
      room.firstChild.style.width = `${(100 * share).toFixed(1)}%`;
      button.setAttribute("aria-label", `${this.alphabet.names[id]}, ${percent(share)}: put it to the text`);
    });
  }

  tellLegend(by, reach) {
    const names = {
      surprise: "Bits that a character cost, from expected to a surprise; underlined from 6 on:",
      unit: "What the unit holds after a character; underlined where it is far below 0:",
      none: "No colours.",
    };
    const drawn = `${by} ${reach}`;
    if (this.drawn === drawn) return;
    this.drawn = drawn;
    say("legend-name", names[by]);
    const steps = Array.from({ length: LEVELS }, (_, level) => level);
    const words = {
      surprise: () => steps.map((level) => [`s${level}`, `${level}${level === LEVELS - 1 ? " and more" : ""}`]),
      unit: () => [0, 4, 8].map((level) => [`u${level}`, ((level / 4 - 1) * reach).toFixed(1)]),
      none: () => [],
    }[by]();
    byId("legend").replaceChildren(...words.map(([className, told]) => made("span", { className }, told)));
  }

  tellSum() {
    const bits = this.reading.bits.filter((each) => each !== null);
    const total = bits.reduce((sum, each) => sum + each, 0);
    const length = this.alphabet.bytes ? new TextEncoder().encode(this.text).length : bits.length;
    const words = length
      ? `${counted(length, this.noun)}, ${(total / length).toFixed(2)} bits each.`
      : "Nothing is written yet.";
    say("sum", words);
    clearTimeout(this.timer);
    if (this.left) return;
    this.timer = setTimeout(() => {
      const ghost = byId("ghost").textContent;
      const said = ghost ? `${words} Suggestion: ${ghost}` : words;
      if (this.said !== said) byId("said").textContent = this.said = said;
    }, QUIET);
  }

  moved() {
    this.tell();
  }

  /** Of the character before the cursor. */
  tell() {
    const { reading } = this;
    const cursor = this.box.selectionStart; // which takes a browser longer than a loop's step
    let [place, end] = [-1, 0];
    while (place + 1 < reading.signs.length && end < cursor) end += reading.signs[++place].length;
    if (place < 0) {
      say("told", "Move the cursor through the text: here it is told what each character cost.");
      return;
    }
    const bits = reading.bits[place];
    const cost = bits === null
      ? "the model does not know it, and reads nothing for it"
      : `${bits.toFixed(2)} bits; the model gave it a chance of ${percent(2 ** -bits)}`;
    const watched = reading.unit !== null && byId("colour").value === "unit";
    const unit = watched ? ` After it the unit holds ${reading.held[place].toFixed(2)}.` : "";
    const who = named(reading.signs[place], this.alphabet);
    say("told", `Before the cursor stands ${who}, character ${place + 1}: ${cost}.${unit}`);
  }
}

begin((parts, labels) => {
  const core = opened(parts);
  new Playground(core, labels);
  const { sample, bits, scores } = core;
  globalThis.charrnn = Object.freeze({ sample, bits, scores }); // for whoever opens the console
});
