// From one text to another: an encoder, a bridge, a decoder that looks back, as charrnn/models/seq2seq.py and rewriting.py have it.

const [PER_CHARACTER, SPARE] = [3, 20]; // symbols that a target has at most, for each character of its source and besides
const WIDTH = { low: 1, high: 1000, whole: true };
const SEARCHES = { beam: WIDTH, top: WIDTH, lengthPenalty: { low: 0, high: 10 } };

class Seq2Seq {
  constructor({ arrays: packed, attention, ...sizes }) {
    const arrays = new Arrays(packed);
    this.encoder = new Stack(sizes, arrays, "encoder/");
    this.decoder = new Stack({ ...sizes, directions: 1 }, arrays, "decoder/");
    this.bridge = (level, state, ends) => {
      const [W, b] = ["W", "b"].map((each) => arrays.of(`bridge/${level}/${state}/${each}`));
      return product(W, ends, b.length, b);
    };
    this.readout = new Readout(arrays);
    this.end = this.readout.outputs - 1; // the sign that a target ends, which also stands before each
    this.marks = attention === "monotonic";
    this.attention = new ATTENTIONS[attention](this.readout, arrays);
  }

  /** What is made of a source once: the state that the decoder starts from, and what it looks at. */
  encode(ids) {
    const marked = this.marks ? [0, ...ids.map((id) => id + 1), 0] : ids;
    const { outputs, held } = readWhole(this.encoder, marked);
    const states = held.flatMap((level, l) => level.map((ends, state) => this.bridge(l, state, ends)));
    return { start: joined(states), looked: this.attention.look(outputs) };
  }
}

/** Targets of one source as they are written, a symbol at a time. */
class Decoding {
  constructor(model, ids) {
    Object.assign(this, { model, ...model.encode(ids), stepper: new StackStepper(model.decoder) });
  }

  /** A target of which nothing is written. */
  beginning() {
    return { symbols: [], state: this.start, at: this.model.attention.start(this.looked), score: 0 };
  }

  /** What the decoder holds after the last symbol of a beginning, and its state then. */
  held({ symbols, state }) {
    this.stepper.load(state);
    const h = this.stepper.read(symbols.at(-1) ?? this.model.end).slice();
    return { h, state: this.stepper.state.slice() };
  }

  /** A beginning with its state after it, and `found`: p, the probabilities of what follows. */
  step(beginning) {
    const { h, state } = this.held(beginning);
    const found = this.model.attention.step(h, this.looked, beginning.at);
    if (!found.p.every(Number.isFinite)) throw new Error("the model's numbers overflow");
    return { ...beginning, state, found };
  }

  /** What follows is written. */
  onward({ symbols, state, found }, symbol, score) {
    const at = this.model.attention.onward(found, symbol);
    return { symbols: [...symbols, symbol], state, at, score };
  }
}

/**
 * The best targets that beam search finds, the best first, each with its `nats` and whether it `ended`. It comes back after each
 * beginning that it follows up, so that it can be left for a while.
 */
function* searched(model, ids, { beam, top, lengthPenalty }) {
  if (!ids.length) return [];
  const decoding = new Decoding(model, ids);
  const [width, most] = [Math.max(beam, top), PER_CHARACTER * ids.length + SPARE];
  const cost = ({ nats, symbols }) => nats / Math.max(1, symbols.length) ** lengthPenalty;
  const finished = [];
  let beginnings = [decoding.beginning()];
  for (let length = 1; beginnings.length; length++) {
    const further = [];
    for (const beginning of beginnings) {
      const read = decoding.step(beginning);
      read.found.p.forEach((p, symbol) => {
        if (p > 0) further.push({ read, symbol, score: beginning.score + Math.log(p) });
      });
      yield;
    }
    beginnings = [];
    for (const { read, symbol, score } of further.sort((a, b) => b.score - a.score).slice(0, width)) {
      const ended = symbol === model.end;
      if (!ended && length < most) beginnings.push(decoding.onward(read, symbol, score));
      else finished.push({ symbols: ended ? read.symbols : [...read.symbols, symbol], nats: -score, ended });
    }
    const costs = finished.filter(({ ended }) => ended).map(cost).sort((a, b) => a - b);
    // Nothing that is underway can become one of the best.
    if (beginnings.length && costs.length >= top && -beginnings[0].score / most ** lengthPenalty >= costs[top - 1]) break;
  }
  return finished.sort((a, b) => b.ended - a.ended || cost(a) - cost(b)).slice(0, top);
}

/** How much each symbol of a target, its end at last, looked at each character of its source; null without attention. */
function alignment(model, ids, symbols) {
  const decoding = new Decoding(model, ids);
  let before = decoding.beginning();
  const held = [];
  for (const symbol of [...symbols, model.end]) {
    const { h, state } = decoding.held(before);
    held.push(h);
    before = { symbols: [symbol], state };
  }
  return model.attention.align(held, decoding.looked, [...symbols, model.end]);
}

/** What rewrites: its model, its alphabet, and the search with the labels' names. */
function rewriting({ model: parts, alphabet: known, between }, labels) {
  const [model, alphabet] = [new Seq2Seq(parts), new Symbols(known)];
  const written = (symbols) => symbols.map((symbol) => labels[symbol]).join(between);
  /** As `charrnn predict` searches: `beam` beginnings are followed up, and the `top` best are told. */
  const rewrite = (line, { beam = 5, top = 1, lengthPenalty = 0, ...unknown } = {}) => {
    within({ beam, top, lengthPenalty, ...unknown }, SEARCHES);
    const search = searched(model, alphabet.ids(line), { beam, top, lengthPenalty });
    let step = search.next();
    while (!step.done) step = search.next();
    return step.value.map(({ symbols, nats, ended }) => ({ output: written(symbols), symbols, bits: nats / Math.LN2, ended }));
  };
  return { model, alphabet, written, rewrite, align: (line, symbols) => alignment(model, alphabet.ids(line), symbols) };
}
