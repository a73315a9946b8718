// NumPy's numbers from a seed: SeedSequence, PCG64, and exponential draws by the ziggurat, so that a seed gives here
// what it gives `charrnn sample`. Whole numbers of 128 bits are four of 32, the lowest first.

/**
 * Eight words of 32 bits from a seed below 2^64 (NumPy's SeedSequence, after O'Neill,
 * "Developing a seed_seq alternative", 2015).
 */
function seedWords(seed) {
  const entropy = [Number(seed & 0xffffffffn), Number(seed >> 32n), 0, 0];
  let factor = 0x43b0d7e5;
  const hashed = (value) => {
    value ^= factor;
    factor = Math.imul(factor, 0x931e8875);
    value = Math.imul(value, factor);
    return (value ^ (value >>> 16)) >>> 0;
  };
  const pool = entropy.map(hashed);
  for (let source = 0; source < 4; source++) {
    for (let target = 0; target < 4; target++) {
      if (source === target) continue;
      const mixed = Math.imul(0xca01f9dd, pool[target]) - Math.imul(0x4973f715, hashed(pool[source]));
      pool[target] = (mixed ^ ((mixed | 0) >>> 16)) >>> 0;
    }
  }
  factor = 0x8b51f9dd;
  return Array.from({ length: 8 }, (_, at) => {
    let value = pool[at % 4] ^ factor;
    factor = Math.imul(factor, 0x58f38ded);
    value = Math.imul(value, factor);
    return (value ^ (value >>> 16)) >>> 0;
  });
}

/** The upper half of a product of two numbers of 32 bits. */
function upper(a, b) {
  const [aLow, aHigh, bLow, bHigh] = [a & 0xffff, a >>> 16, b & 0xffff, b >>> 16];
  const first = aHigh * bLow + ((aLow * bLow) >>> 16);
  const second = aLow * bHigh + (first & 0xffff);
  return aHigh * bHigh + (first >>> 16) + (second >>> 16);
}

const lower = (a, b) => Math.imul(a, b) >>> 0;
const WORD = 2 ** 32;
const [M0, M1, M2, M3] = [0x9fccf645, 0x4385df64, 0x1fc65da4, 0x2360ed05]; // PCG's multiplier

/** PCG XSL-RR 128/64 (O'Neill 2014), seeded as `numpy.random.default_rng(seed)` is. */
class Pcg64 {
  constructor(seed) {
    const words = seedWords(BigInt(seed));
    const order = [6, 7, 4, 5].map((at) => words[at]);
    this.increment = order.map((word, at) => ((word << 1) | (at ? order[at - 1] >>> 31 : 1)) >>> 0);
    this.state = [0, 0, 0, 0];
    this.high = this.low = 0; // of what was drawn last
    this.step();
    let carry = 0;
    [2, 3, 0, 1].forEach((word, at) => {
      const sum = this.state[at] + words[word] + carry;
      this.state[at] = sum >>> 0;
      carry = sum >= WORD ? 1 : 0;
    });
    this.step();
  }

  /** state = state · multiplier + increment, modulo 2^128. */
  step() {
    const [s0, s1, s2, s3] = this.state;
    const add = this.increment;
    let sum = lower(s0, M0) + add[0];
    this.state[0] = sum >>> 0;
    sum = Math.floor(sum / WORD) + upper(s0, M0) + lower(s0, M1) + lower(s1, M0) + add[1];
    this.state[1] = sum >>> 0;
    sum = Math.floor(sum / WORD) + upper(s0, M1) + upper(s1, M0)
      + lower(s0, M2) + lower(s1, M1) + lower(s2, M0) + add[2];
    this.state[2] = sum >>> 0;
    sum = Math.floor(sum / WORD) + upper(s0, M2) + upper(s1, M1) + upper(s2, M0)
      + lower(s0, M3) + lower(s1, M2) + lower(s2, M1) + lower(s3, M0) + add[3];
    this.state[3] = sum >>> 0;
  }

  /** Draw 64 bits, as `high` and `low`. */
  draw() {
    this.step();
    const state = this.state;
    const by = state[3] >>> 26;
    let [high, low] = [state[3] ^ state[1], state[2] ^ state[0]];
    if (by & 32) [high, low] = [low, high];
    const bits = by & 31;
    if (bits) {
      const rest = 32 - bits;
      [high, low] = [(high >>> bits) | (low << rest), (low >>> bits) | (high << rest)];
    }
    this.high = high >>> 0;
    this.low = low >>> 0;
  }

  /** Uniform in [0, 1), of 53 bits. */
  uniform() {
    this.draw();
    return (this.high * 2 ** 21 + (this.low >>> 11)) * 2 ** -53;
  }

  /** An exponential draw, by the ziggurat (Marsaglia, Tsang 2000) as NumPy goes through it. */
  exponential() {
    for (;;) {
      this.draw();
      const layer = (this.low >>> 3) & 255;
      const whole = this.high * 2 ** 21 + (this.low >>> 11);
      const x = whole * ZIGGURAT.widths[layer];
      if (whole < ZIGGURAT.inside[layer]) return x;
      if (layer === 0) return ZIGGURAT.last - Math.log1p(-this.uniform());
      const [above, below] = [ZIGGURAT.heights[layer - 1], ZIGGURAT.heights[layer]];
      if ((above - below) * this.uniform() + below < Math.exp(-x)) return x;
    }
  }
}

/** 256 layers of equal area under exp(-x): where each ends, as a factor of 53 bits, and what lies inside for certain. */
const ZIGGURAT = (() => {
  const [last, area] = [7.69711747013104972, 3.9496598225815571993e-3];
  const ends = new Float64Array(256);
  ends[255] = last;
  for (let layer = 254; layer > 0; layer--) {
    ends[layer] = -Math.log(area / ends[layer + 1] + Math.exp(-ends[layer + 1]));
  }
  const base = area / Math.exp(-last);
  const whole = 2 ** 53;
  return {
    last,
    widths: ends.map((end, layer) => (layer ? end : base) / whole),
    inside: ends.map((end, layer) => [(last / base) * whole, 0][layer] ?? (ends[layer - 1] / end) * whole),
    heights: ends.map((end) => Math.exp(-end)),
  };
})();
