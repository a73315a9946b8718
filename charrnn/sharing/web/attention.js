// Looking back: what each step of a decoder reads of all that an encoder made of a text. The three kinds share their methods:
// `look` makes of a memory (an array for each place) what all steps need; `step` tells the probabilities of what follows after
// what a decoder holds, `at` being what a beginning carries; `onward` is what it carries after a symbol; `align` tells, of a
// target that is known, how much each of its symbols looked at each place.

const TINY = 1e-30;

function dot(a, b) {
  let sum = 0;
  for (let j = 0; j < a.length; j++) sum += a[j] * b[j];
  return sum;
}

/** M x + start as an array of its own. */
function product(M, x, rows, start = null) {
  const out = new Float32Array(rows);
  multiply(M, x, out, start);
  return out;
}

/** V h + c as probabilities. */
class Readout {
  constructor(arrays) {
    Object.assign(this, { V: arrays.of("V"), c: arrays.of("c") });
    this.outputs = this.c.length;
  }

  chances(h) {
    return shares(product(this.V, h, this.outputs, this.c));
  }
}

class NoAttention {
  constructor(readout) {
    this.readout = readout;
  }

  look() {
    return null;
  }

  start() {
    return null;
  }

  step(h) {
    return { p: this.readout.chances(h) };
  }

  onward() {
    return null;
  }

  align() {
    return null;
  }
}

/** a = softmax(hᵀ W m), o = tanh(C [Σ a m; h] + b): charrnn/nn/attention.py. */
class Attention extends NoAttention {
  constructor(readout, arrays, name = "attention/") {
    super(readout);
    for (const each of ["W", "C", "b"]) this[each] = arrays.of(name + each);
  }

  look(memory) {
    return { memory, keys: memory.map((m) => product(this.W, m, this.b.length)) };
  }

  step(h, { memory, keys }) {
    const weights = shares(keys.map((key) => dot(h, key)));
    const both = new Float32Array(memory[0].length + h.length);
    memory.forEach((m, place) => {
      for (let j = 0; j < m.length; j++) both[j] += weights[place] * m[j];
    });
    both.set(h, memory[0].length);
    const o = product(this.C, both, h.length, this.b).map(tanh);
    return { p: this.readout.chances(o), weights };
  }

  align(held, looked) {
    return held.map((h) => this.step(h, looked).weights);
  }
}

/** One place at a time, from left to right; all walks are summed up: charrnn/nn/monotonic.py. */
class Monotonic extends NoAttention {
  constructor(readout, arrays, name = "attention/") {
    super(readout);
    for (const each of ["W", "u", "U", "D", "G", "b"]) this[each] = arrays.of(name + each);
  }

  look(memory) {
    const H = this.b.length;
    const seen = memory.map((m) => product(this.G, m, H, this.b));
    return { keys: memory.map((m) => product(this.W, m, H)), seen };
  }

  /** Where walks begin, at the first place. */
  start({ keys }) {
    return Float64Array.from(keys, (_, place) => (place ? 0 : 1));
  }

  /** a(j|i): from each place the chances of that one and of those after it. */
  moves(h, { keys }) {
    const jumps = product(this.U, h, this.u.length, this.u);
    const scores = keys.map((key) => dot(h, key));
    const last = jumps.length - 1;
    return scores.map((_, i) => shares(scores.slice(i).map((score, k) => score + jumps[Math.min(k, last)])));
  }

  /** p(y|j): at each place the chances of each symbol. */
  written(h, { seen }) {
    const asked = product(this.D, h, h.length);
    return seen.map((place) => this.readout.chances(place.map((value, j) => tanh(value + asked[j]))));
  }

  /** Where a walk is after a move, of where it was. */
  moved(at, moves) {
    const there = new Float64Array(at.length);
    moves.forEach((row, i) => {
      if (at[i] > 0) row.forEach((share, k) => (there[i + k] += at[i] * share));
    });
    return there;
  }

  step(h, places, at) {
    const there = this.moved(at, this.moves(h, places));
    const written = this.written(h, places);
    const p = new Float64Array(this.readout.outputs);
    written.forEach((row, j) => {
      for (let y = 0; y < p.length; y++) p[y] += there[j] * row[y];
    });
    return { p, there, written };
  }

  onward({ there, written }, symbol) {
    const both = there.map((share, j) => share * written[j][symbol]);
    const total = Math.max(both.reduce((sum, each) => sum + each, 0), TINY);
    return both.map((share) => share / total);
  }

  /** How likely a walk was at each place, given the whole target: the forward and the backward algorithm. Marks are left out. */
  align(held, places, target) {
    const steps = [];
    let at = this.start(places);
    held.forEach((h, t) => {
      const moves = this.moves(h, places);
      const there = this.moved(at, moves);
      const written = this.written(h, places).map((row) => row[target[t]]);
      const total = Math.max(dot(there, written), TINY);
      at = there.map((share, j) => (share * written[j]) / total);
      steps.push({ moves, at, onward: written.map((each) => each / total) });
    });
    let beta = at.map(() => 1);
    const rows = [];
    for (const step of steps.reverse()) {
      rows.unshift(step.at.map((share, j) => share * beta[j]).slice(1, -1));
      const ahead = step.onward.map((each, j) => each * beta[j]);
      beta = beta.map((_, i) => dot(step.moves[i], ahead.slice(i)));
    }
    return rows;
  }
}

const ATTENTIONS = { none: NoAttention, general: Attention, monotonic: Monotonic };
