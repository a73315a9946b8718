// Texts that are read whole, perhaps from both ends: a label for each, or a tag for each of its characters.

/** What one layer makes of a text's characters in their order, or from the last to the first; and what it holds at the end. */
function readAlong(stack, row, steps, fromEnd, z) {
  const { hidden, kind } = stack;
  const own = stack.layers[row];
  const held = new Float32Array(kind.states * hidden);
  const [sums, recalled] = [new Float32Array(own.b.length), new Float32Array(own.b.length)];
  const one = { own, held, size: hidden, z: sums, y: recalled };
  const h = held.subarray(0, hidden);
  const outputs = new Array(steps);
  for (let step = 0; step < steps; step++) {
    const at = fromEnd ? steps - 1 - step : step;
    z(own, at, one.z);
    multiply(own.W, h, one.y, null);
    kind.step(one);
    outputs[at] = h.slice();
  }
  return { outputs, held };
}

function joined(parts) {
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => {
    whole.set(part, at);
    return at + part.length;
  }, 0);
  return whole;
}

/**
 * What the top level makes of each character; what the layers of each level hold at the end, one array for each state;
 * and `ends`, from which a label is read.
 */
function readWhole(stack, ids) {
  if (stack.context !== null) {
    const stepper = new StackStepper(stack);
    const outputs = ids.map((id) => stepper.read(id).slice());
    return { outputs, held: [], ends: outputs.at(-1) ?? new Float32Array(stack.hidden) };
  }
  const { hidden, kind, directions } = stack;
  const held = [];
  let outputs = null;
  for (let level = 0; level < stack.levels; level++) {
    const below = outputs;
    const z = level
      ? (own, at, out) => multiply(own.U, below[at], out, own.start)
      : (own, at, out) => out.set(own.tables[0].subarray(ids[at] * out.length, (ids[at] + 1) * out.length));
    const ways = Array.from({ length: directions }, (_, way) =>
      readAlong(stack, level * directions + way, ids.length, way === 1, z));
    outputs = ids.map((_, at) => joined(ways.map((way) => way.outputs[at])));
    held.push(Array.from({ length: kind.states }, (_, state) =>
      joined(ways.map((way) => way.held.subarray(state * hidden, (state + 1) * hidden)))));
  }
  return { outputs, held, ends: held.at(-1)[0] };
}

const [HASH_BASE, HASH_MIX] = [0x100000001b3n, 0x9e3779b97f4a7c15n];
const BUCKETS = 1 << 16;

/** Columns of the n-grams of ^text$ in a table of hashed ones, as charrnn/nn/ngrams.py finds them. */
function buckets(ids, longest) {
  const marked = [1, ...ids.map((id) => id + 3), 2].map(BigInt);
  const found = [];
  let hashed = marked.map(() => 0n);
  for (let n = 1; n <= longest; n++) {
    const before = hashed;
    const modulo = (number) => BigInt.asUintN(64, number);
    hashed = marked.map((mark, at) => modulo(((at ? before[at - 1] : 0n) + 1n) * HASH_BASE + mark));
    for (const hash of hashed.slice(n - 1)) found.push(Number(modulo(hash * HASH_MIX) >> 48n));
  }
  return found;
}

/** What answers: the probabilities of each label; of tags for each character. */
function answering({ model: parts, alphabet: known, ngrams, aligned }) {
  const [model, alphabet] = [new Model(parts), new Alphabet(known)];
  const scored = (h) => {
    const scores = new Float32Array(model.outputs);
    multiply(model.V, h, scores, model.c);
    return scores;
  };
  const label = (ids) => {
    const scores = scored(readWhole(model, ids).ends);
    if (ngrams) {
      const columns = buckets(ids, ngrams);
      for (let k = 0; k < scores.length; k++) {
        scores[k] += columns.reduce((sum, column) => sum + model.B[k * BUCKETS + column], 0);
      }
    }
    return shares(scores);
  };
  const tags = (ids) => readWhole(model, ids).outputs.map((h) => shares(scored(h)));
  return { model, alphabet, answer: aligned ? tags : label };
}
