// A network with its numbers, and what reads a text through it, a character at a time. The equations are those of
// charrnn/nn/cells, the names of the arrays those of a checkpoint. States are float32, sums are of double precision.

const EPSILON = 1e-5; // of layer normalisation

/**
 * p = γ ∘ (a - mean a) / s + b of each gate's sums, in place (Ba, Kiros, Hinton, arXiv 1607.06450).
 * `first` is the gate of the layer whose sums begin there.
 */
function normalise(a, own, size, first = 0) {
  for (let start = 0; start < a.length; start += size) {
    let mean = 0;
    for (let at = start; at < start + size; at++) mean += a[at];
    mean /= size;
    let squares = 0;
    for (let at = start; at < start + size; at++) squares += (a[at] - mean) ** 2;
    const scale = 1 / Math.sqrt(squares / size + EPSILON);
    const row = start + first * size;
    for (let at = start, j = row; at < start + size; at++, j++) {
      a[at] = own.gain[j] * (a[at] - mean) * scale + own.b[j];
    }
  }
}

/**
 * What a cell makes of z (U x + b; U x, where it is normalised), y (W h) and of what it held, `held`, which is
 * overwritten: h, and after it the c of an LSTM.
 */
const CELLS = {
  lstm: {
    states: 2,
    step({ z, y, own, size, held }) {
      for (let j = 0; j < z.length; j++) z[j] += y[j];
      if (own.gain) normalise(z, own, size);
      for (let j = 0; j < size; j++) {
        const c = sigmoid(z[size + j]) * held[size + j] + sigmoid(z[j]) * tanh(z[3 * size + j]);
        held[size + j] = c;
        held[j] = sigmoid(z[2 * size + j]) * tanh(c);
      }
    },
  },
  gru: {
    states: 1,
    step({ z, y, own, size, held }) {
      for (let j = 0; j < 2 * size; j++) z[j] += y[j];
      if (own.gain) normalise(z.subarray(0, 2 * size), own, size);
      for (let j = 0; j < size; j++) {
        z[2 * size + j] += sigmoid(z[j]) * (y[2 * size + j] + own.d[j]);
      }
      if (own.gain) normalise(z.subarray(2 * size), own, size, 2);
      for (let j = 0; j < size; j++) {
        const n = tanh(z[2 * size + j]);
        held[j] = n + sigmoid(z[size + j]) * (held[j] - n);
      }
    },
  },
  rnn: { states: 1, step: (one) => simple(one, tanh) },
  "rnn-relu": { states: 1, step: (one) => simple(one, (x) => Math.max(x, 0)) },
  feedforward: {
    states: 1,
    step({ z, size, held }) {
      for (let j = 0; j < size; j++) held[j] = tanh(z[j]);
    },
  },
};

function simple({ z, y, own, size, held }, activation) {
  for (let j = 0; j < size; j++) z[j] += y[j];
  if (own.gain) normalise(z, own, size);
  for (let j = 0; j < size; j++) held[j] = activation(z[j]);
}

/** Sizes and numbers. `layers` are in the order of the state's rows; of two directions those of a level side by side. */
class Model {
  constructor({ cell, hidden, directions, levels, context, arrays }) {
    const shapes = Object.fromEntries(arrays.map((array) => [array.name, array.shape]));
    const values = Object.fromEntries(arrays.map((array) => [array.name, unpacked(array)]));
    const of = (name) => values[name];
    const shape = (name) => shapes[name];
    Object.assign(this, { cell, hidden, directions, levels, context, kind: CELLS[cell] });
    this.V = of("V");
    this.c = of("c");
    this.outputs = this.c.length;
    this.B = of("ngrams/B"); // scores of hashed n-grams, a row for each label
    this.begin = of("begin/E"); // (numbers of the state, labels)
    this.layers = [];
    for (let level = 0; level < levels; level++) {
      for (let direction = 0; direction < directions; direction++) {
        const name = `layer${level}${direction ? "/reverse" : ""}`;
        const [U, W, b, d, gain] = ["U", "W", "b", "d", "gain"].map((each) => of(`${name}/${each}`));
        const own = { U, W, b, d, gain };
        own.start = own.gain ? null : own.b;
        if (!level) own.tables = this.tables(own, name, of, shape);
        this.layers.push(own);
      }
    }
    this.size = context === null ? this.layers.length * this.kind.states * hidden : context - 1;
  }

  /** What the lowest layer makes of each character, a row for each: U's column (of U E), and of a context one for each place. */
  tables(own, name, of, shape) {
    const E = of("E");
    if (this.context !== null) {
      return Array.from({ length: this.context }, (_, place) => {
        const [rows, K] = shape(`${name}/U${place}`);
        this.vocabulary = K;
        return this.withStart(transposed(of(`${name}/U${place}`), rows, K), place ? null : own.b);
      });
    }
    const [rows, width] = shape(`${name}/U`);
    if (!E) {
      this.vocabulary = width;
      return [this.withStart(transposed(own.U, rows, width), own.start)];
    }
    const K = (this.vocabulary = shape("E")[1]);
    const embedded = transposed(E, width, K);
    const table = new Float32Array(K * rows);
    for (let id = 0; id < K; id++) {
      const row = table.subarray(id * rows, (id + 1) * rows);
      multiply(own.U, embedded.subarray(id * width, (id + 1) * width), row, null);
    }
    return [this.withStart(table, own.start)];
  }

  withStart(table, start) {
    if (start) for (let at = 0; at < table.length; at++) table[at] += start[at % start.length];
    return table;
  }

  /** The state that a text begins with; with labels that of one. */
  beginning(label = null) {
    const state = new Float32Array(this.size);
    if (!this.begin) return state;
    const labels = this.begin.length / this.size;
    return state.map((_, at) => this.begin[at * labels + label]);
  }
}

/** Reads a text forwards, a character at a time. */
class Stepper {
  constructor(model) {
    const { hidden, layers, kind } = model;
    this.model = model;
    this.state = new Float32Array(model.size);
    this.logits = new Float32Array(model.outputs);
    const recurrent = model.context === null;
    this.own = layers.map((own, row) => {
      const rows = own.b.length;
      const held = recurrent
        ? this.state.subarray(row * kind.states * hidden, (row + 1) * kind.states * hidden)
        : new Float32Array(hidden);
      const [z, y] = [new Float32Array(rows), new Float32Array(rows)];
      return { own, held, h: held.subarray(0, hidden), z, y, size: hidden };
    });
  }

  /** Go on from another state. */
  load(state) {
    this.state.set(state);
  }

  /** Read a character; the scores of what could follow, which the next step overwrites. */
  step(id) {
    this.own.forEach((one, level) => {
      if (level) multiply(one.own.U, this.own[level - 1].h, one.z, one.own.start);
      else this.lookUp(id, one.z);
      if (one.own.W) multiply(one.own.W, one.h, one.y, null);
      this.model.kind.step(one);
    });
    multiply(this.model.V, this.own.at(-1).h, this.logits, this.model.c);
    return this.logits;
  }

  lookUp(id, z) {
    const { tables } = this.model.layers[0];
    const rows = z.length;
    z.set(tables[0].subarray(id * rows, (id + 1) * rows));
    // Of a context: the characters before, the newest first, as id + 1; where nothing has been read, the first one stands.
    for (let place = 1; place < tables.length; place++) {
      const older = this.state[place - 1] ? this.state[place - 1] - 1 : id;
      for (let j = 0; j < rows; j++) z[j] += tables[place][older * rows + j];
    }
    if (tables.length > 1) {
      const filled = this.state[0] ? null : id + 1;
      for (let place = tables.length - 2; place > 0; place--) {
        this.state[place] = filled ?? this.state[place - 1];
      }
      this.state[0] = id + 1;
    }
  }
}
