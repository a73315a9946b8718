// How a next character is chosen: charrnn/writing, with its filters, its noise and the order of its draws.

const [HOTTEST, COLDEST] = [1e30, 1e-30];

/** The places of scores, the largest first; of equal ones the first. */
const ranked = (logits) => Array.from(logits.keys()).sort((a, b) => logits[b] - logits[a]);

/**
 * Scores of which those that are not to be drawn are minus infinity: all but the `topK` likeliest, of these all but the
 * nucleus with the share `topP`, and of these all below `minP` of the likeliest one's probability.
 */
function filtered(logits, { temperature, topK, topP, minP }) {
  const heat = Math.max(Math.min(temperature, HOTTEST), COLDEST);
  const kept = Float32Array.from(logits);
  if (topK > 0 || topP < 1) {
    const order = ranked(logits);
    const last = topK || order.length;
    const weight = (id) => Math.exp(Math.fround(logits[id] - logits[order[0]]) / heat);
    const weights = order.map((id, rank) => (rank < last ? weight(id) : 0));
    const enough = topP * weights.reduce((sum, each) => sum + each, 0);
    let before = 0;
    order.forEach((id, rank) => {
      if (rank && (rank >= last || (topP < 1 && before >= enough))) kept[id] = -Infinity;
      before += weights[rank];
    });
  }
  if (minP > 0) {
    const lowest = kept.reduce((a, b) => Math.max(a, b)) + heat * Math.log(minP);
    for (let id = 0; id < kept.length; id++) if (kept[id] < lowest) kept[id] = -Infinity;
  }
  return kept;
}

/** Probabilities of scores at a temperature; at 0 the first of the largest has all of it. */
function shares(logits, temperature = 1) {
  let best = 0;
  for (let id = 1; id < logits.length; id++) if (logits[id] > logits[best]) best = id;
  if (temperature === 0) return Float64Array.from(logits, (_, id) => (id === best ? 1 : 0));
  const heat = Math.min(temperature, HOTTEST);
  const weights = Float64Array.from(logits, (score) => Math.exp((score - logits[best]) / heat));
  const total = weights.reduce((sum, each) => sum + each, 0);
  return weights.map((weight) => weight / total);
}

/** How unexpected a character is, in bits. */
function surprise(logits, id) {
  let [top, sum] = [-Infinity, 0];
  for (let k = 0; k < logits.length; k++) top = Math.max(top, logits[k]);
  for (let k = 0; k < logits.length; k++) sum += Math.exp(logits[k] - top);
  return (Math.log(sum) + top - logits[id]) / Math.LN2;
}

/** Chooses by Gumbel noise: the character whose score with its noise is the largest, which draws from the softmax. */
class Chooser {
  constructor(settings, seed) {
    this.settings = settings;
    this.generator = new Pcg64(seed);
    this.filters = settings.topK > 0 || settings.topP < 1 || settings.minP > 0;
    this.heat = -Math.min(settings.temperature, HOTTEST);
  }

  choose(logits) {
    const scores = this.filters ? filtered(logits, this.settings) : logits;
    let [best, chosen] = [-Infinity, 0];
    for (let id = 0; id < scores.length; id++) {
      const noise = Math.fround(Math.log(this.generator.exponential()) * this.heat);
      const score = Math.fround(scores[id] + noise);
      if (score > best) [best, chosen] = [score, id];
    }
    return chosen;
  }
}

/** Goes on with a text, from a state and the scores of what could follow. */
class Writer {
  constructor(model, state, logits, settings, seed) {
    this.stepper = new Stepper(model);
    this.stepper.load(state);
    this.logits = Float32Array.from(logits);
    this.chooser = new Chooser(settings, seed);
    this.chosen = null;
  }

  /** The number of the next character. */
  next() {
    if (this.chosen !== null) this.logits = this.stepper.step(this.chosen);
    this.chosen = this.chooser.choose(this.logits);
    return this.chosen;
  }
}
