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

/** A model's numbers, and their shapes, by the names that a checkpoint gives them. */
class Arrays {
  constructor(packed) {
    this.shapes = new Map(packed.map(({ name, shape }) => [name, shape]));
    this.values = new Map(packed.map((each) => [each.name, unpacked(each)]));
  }

  shape(name) {
    return this.shapes.get(name);
  }

  /** Those of a name, if the model has such ones. */
  of(name) {
    return this.values.get(name);
  }
}

/** Layers on each other. `layers` are in the order of the state's rows; of two directions those of a level side by side. */
class Stack {
  /** @param name  what the names of its arrays begin with */
  constructor({ cell, hidden, directions, levels, context }, arrays, name = "") {
    Object.assign(this, { cell, hidden, directions, levels, context, kind: CELLS[cell] });
    this.layers = [];
    for (let level = 0; level < levels; level++) {
      for (let direction = 0; direction < directions; direction++) {
        const layer = `${name}layer${level}${direction ? "/reverse" : ""}`;
        const [U, W, b, d, gain] = ["U", "W", "b", "d", "gain"].map((each) => arrays.of(`${layer}/${each}`));
        const own = { U, W, b, d, gain };
        own.start = own.gain ? null : own.b;
        if (!level) own.tables = this.tables(own, layer, `${name}E`, arrays);
        this.layers.push(own);
      }
    }
    this.size = context === null ? this.layers.length * this.kind.states * hidden : context - 1;
  }

  /** What the lowest layer makes of each character, a row for each: U's column (of U E), and of a context one for each place. */
  tables(own, layer, embedding, arrays) {
    if (this.context !== null) {
      return Array.from({ length: this.context }, (_, place) => {
        const name = `${layer}/U${place}`;
        return this.withStart(transposed(arrays.of(name), ...arrays.shape(name)), place ? null : own.b);
      });
    }
    const [rows, width] = arrays.shape(`${layer}/U`);
    const E = arrays.of(embedding);
    if (!E) return [this.withStart(transposed(own.U, rows, width), own.start)];
    const [, K] = arrays.shape(embedding);
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
}

/** A stack and what reads its scores. */
class Model extends Stack {
  constructor({ arrays: packed, ...sizes }) {
    const arrays = new Arrays(packed);
    super(sizes, arrays);
    this.V = arrays.of("V");
    this.c = arrays.of("c");
    this.outputs = this.c.length;
    this.B = arrays.of("ngrams/B"); // scores of hashed n-grams, a row for each label
    this.begin = arrays.of("begin/E"); // (numbers of the state, labels)
  }

  /** The state that a text begins with; with labels that of one. */
  beginning(label = null) {
    const state = new Float32Array(this.size);
    if (!this.begin) {
      if (label !== null) throw new RangeError("the model writes for no labels");
      return state;
    }
    const labels = this.begin.length / this.size;
    if (label !== null) within({ label }, { label: { low: 0, high: labels - 1, whole: true } });
    return state.map((_, at) => this.begin[at * labels + label]);
  }
}

/** Goes through a stack, a character at a time. */
class StackStepper {
  constructor(stack) {
    const { hidden, layers, kind } = stack;
    this.stack = stack;
    this.state = new Float32Array(stack.size);
    const recurrent = stack.context === null;
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

  /** Read a character; what the top layer makes of it, which the next one overwrites. */
  read(id) {
    this.own.forEach((one, level) => {
      if (level) multiply(one.own.U, this.own[level - 1].h, one.z, one.own.start);
      else this.lookUp(id, one.z);
      if (one.own.W) multiply(one.own.W, one.h, one.y, null);
      this.stack.kind.step(one);
    });
    return this.own.at(-1).h;
  }

  lookUp(id, z) {
    const { tables } = this.stack.layers[0];
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

/** Reads a text forwards, a character at a time, and tells what could follow. */
class Stepper extends StackStepper {
  constructor(model) {
    super(model);
    this.model = model;
    this.logits = new Float32Array(model.outputs);
  }

  /** Read a character; the scores of what could follow, which the next step overwrites. */
  step(id) {
    multiply(this.model.V, this.read(id), this.logits, this.model.c);
    return this.logits;
  }
}
