// A text as it is read: what each sign cost, and what one unit held after it. Only what changed is read again.

const SEEDS = 1n << 64n;
const LIMITS = {
  length: { low: 0, whole: true },
  temperature: { low: 0 },
  topK: { low: 0, whole: true },
  topP: { low: Number.MIN_VALUE, high: 1 },
  minP: { low: 0, high: 1 },
};
const APART = 64; // signs between the states that are kept to go on from

class Reading {
  constructor(model, alphabet) {
    this.model = model;
    this.alphabet = alphabet;
    this.stepper = new Stepper(model);
    this.label = null;
    this.unit = null; // its place in the state
    this.forget();
  }

  /** Read all of it anew. */
  forget() {
    this.signs = [];
    this.bits = []; // of each sign; null where nothing was read for it
    this.held = [];
    this.marks = [];
    this.wanted ??= [];
    this.last = null; // the scores after what was read
  }

  /** What is to be read from now on. */
  expect(text) {
    this.wanted = this.alphabet.signs(text);
    let same = 0;
    while (same < this.signs.length && this.signs[same] === this.wanted[same]) same++;
    if (same < this.signs.length) this.backTo(same);
  }

  /** Go back to the last state that was kept before a place. */
  backTo(place) {
    this.marks.length = Math.min(this.marks.length, Math.floor(place / APART) + 1);
    const mark = this.marks.at(-1);
    const at = mark ? (this.marks.length - 1) * APART : 0;
    for (const each of [this.signs, this.bits, this.held]) each.length = at;
    if (mark) {
      this.stepper.load(mark.state);
      this.last = mark.last;
    }
  }

  get done() {
    return this.signs.length === this.wanted.length && this.last !== null;
  }

  /** The scores, and the state, that an empty text or a record begins with. */
  begin() {
    const { numbers, end } = this.alphabet;
    this.stepper.load(this.model.beginning(this.label));
    this.last = this.stepper.step(end ?? numbers.get("\n") ?? 0).slice();
  }

  /** Read on, for so many milliseconds at most. */
  advance(milliseconds = Infinity) {
    const until = performance.now() + milliseconds;
    if (this.last === null) this.begin();
    while (this.signs.length < this.wanted.length) {
      const at = this.signs.length;
      if (at % APART === 0 && this.marks.length === at / APART) {
        this.marks.push({ state: this.stepper.state.slice(), last: this.last });
      }
      this.read(this.wanted[at]);
      if (at % 8 === 7 && performance.now() > until) return;
    }
  }

  read(sign) {
    const ids = this.alphabet.read(sign);
    // A text that runs on is read after nothing, as `charrnn sample` reads its prime; only its first character is
    // expected as at the beginning of a line.
    const first = this.alphabet.end === null && !this.bits.some((each) => each !== null);
    let bits = 0;
    ids.forEach((id, number) => {
      bits += surprise(this.last, id);
      if (id === this.alphabet.end) {
        this.begin(); // the next record
        return;
      }
      if (first && number === 0) this.stepper.load(this.model.beginning());
      this.last = this.stepper.step(id).slice();
    });
    this.signs.push(sign);
    this.bits.push(ids.length ? bits : null);
    this.held.push(this.unit === null ? 0 : this.stepper.state[this.unit]);
  }
}

/** What a page's data holds: the model, its alphabet, and both of the ways to use them. */
function opened({ model: parts, alphabet: known }) {
  const [model, alphabet] = [new Model(parts), new Alphabet(known)];
  const plain = { temperature: 1, topK: 0, topP: 1, minP: 0 };
  const read = (text, label) => {
    const reading = new Reading(model, alphabet);
    reading.label = label;
    reading.expect(text);
    reading.advance();
    return reading;
  };
  return {
    model,
    alphabet,
    /** The scores of what could follow each character of a text, one after the other. */
    scores(text, label = null) {
      const stepper = new Stepper(model);
      stepper.load(model.beginning(label));
      return alphabet.ids(text).map((id) => stepper.step(id).slice());
    },
    /** What `charrnn sample` writes after a prime; a record up to its end. */
    sample({ prime = "", seed = 0, length = 500, label = null, ...settings } = {}) {
      within({ length, ...settings }, LIMITS);
      const first = BigInt(seed);
      if (first < 0n || first >= SEEDS) throw new RangeError(`seed must be from 0 to 2 ** 64 - 1, not ${seed}`);
      const { last, stepper } = read(prime, label);
      const writer = new Writer(model, stepper.state, last, { ...plain, ...settings }, first);
      const ids = [];
      while (ids.length < length) {
        const id = writer.next();
        if (id === alphabet.end) break;
        ids.push(id);
      }
      return alphabet.text(ids);
    },
    /** Bits of each sign of a text. */
    bits: (text, label = null) => read(text, label).bits,
  };
}
