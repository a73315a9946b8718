// A text that is typed, and what a model goes on with: suggested, taken, written, and taken back.

const AHEAD = 40; // characters that are suggested
const OF_A_FRAME = [8, 10]; // milliseconds for reading, and for writing

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

class Following extends Framed {
  constructor(core) {
    super();
    Object.assign(this, core);
    this.reading = new Reading(this.model, this.alphabet);
    this.past = []; // the texts before and after each thing that was done by a button
    this.left = 0; // characters that are still to be written
    this.away = false; // whether the suggestion was put away
    this.from = ""; // the text from which the seed goes on
    this.number = 0n; // which record it has come to
    this.ahead = null; // what follows that text, as far as it is known
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
  }

  get settings() {
    const seed = byId("seed");
    const given = BigInt(/^[0-9]{1,20}$/.test(seed.value) ? seed.value : seed.defaultValue);
    return {
      temperature: numberIn("temperature"), topK: numberIn("top-k"), topP: numberIn("top-p"), minP: numberIn("min-p"),
      seed: BigInt.asUintN(64, given), length: numberIn("length"),
    };
  }

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
    const [reading, writing] = OF_A_FRAME;
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
}
