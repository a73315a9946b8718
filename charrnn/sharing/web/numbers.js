// Arrays as the page holds them, and the two products that a network is made of.

/** Raises an error unless all that was given has a limit, and is a number within it; a console takes whatever is typed. */
function within(given, limits) {
  for (const [name, value] of Object.entries(given)) {
    const names = Object.keys(limits).join(", ");
    if (!Object.hasOwn(limits, name)) throw new RangeError(`there is no ${name}; it is one of ${names}`);
    const { low, high = Infinity, whole } = limits[name];
    const fits = typeof value === "number" && value >= low && value <= high && (!whole || Number.isInteger(value));
    const most = high < Infinity ? ` to ${high}` : "";
    if (!fits) throw new RangeError(`${name} must be a ${whole ? "whole " : ""}number from ${low}${most}, not ${value}`);
  }
}

/** The bytes of base64. */
function decoded(text) {
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let at = 0; at < raw.length; at++) bytes[at] = raw.charCodeAt(at);
  return bytes.buffer;
}

/** A number of 16 bits (IEEE 754 binary16) as one that JavaScript has. */
function fromHalf(bits) {
  const [sign, exponent, fraction] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

let halves = null; // all of them, once some are needed

/** Little-endian numbers, packed as base64: f4, f2, or i1 with a scale for each row. */
function unpacked({ shape, numbers, scales }) {
  const data = decoded(numbers.bytes);
  if (numbers.type === "f4") return new Float32Array(data);
  const packed = numbers.type === "f2" ? new Uint16Array(data) : new Int8Array(data);
  const values = new Float32Array(packed.length);
  if (numbers.type === "f2") {
    halves ??= Float32Array.from({ length: 1 << 16 }, (_, bits) => fromHalf(bits));
    for (let at = 0; at < packed.length; at++) values[at] = halves[packed[at]];
    return values;
  }
  const scale = new Float32Array(decoded(scales.bytes));
  const width = packed.length / shape[0];
  for (let at = 0, row = 0; row < shape[0]; row++) {
    for (let column = 0; column < width; column++, at++) values[at] = packed[at] * scale[row];
  }
  return values;
}

/** out = M x + start, or M x where there is no start; M has a row for each number of out. */
function multiply(M, x, out, start) {
  const [rows, n] = [out.length, x.length];
  let row = 0;
  // Four rows at a time: x is fetched once for them, and their sums do not wait for each other.
  for (; row + 3 < rows; row += 4) {
    const [at, second, third, fourth] = [row * n, (row + 1) * n, (row + 2) * n, (row + 3) * n];
    let [a, b, c, d] = [0, 0, 0, 0];
    for (let j = 0; j < n; j++) {
      const value = x[j];
      a += M[at + j] * value;
      b += M[second + j] * value;
      c += M[third + j] * value;
      d += M[fourth + j] * value;
    }
    out[row] = a;
    out[row + 1] = b;
    out[row + 2] = c;
    out[row + 3] = d;
  }
  for (; row < rows; row++) {
    let sum = 0;
    for (let j = 0; j < n; j++) sum += M[row * n + j] * x[j];
    out[row] = sum;
  }
  if (start) for (let at = 0; at < rows; at++) out[at] += start[at];
}

/** A matrix (rows, columns) as (columns, rows). */
function transposed(M, rows, columns) {
  const out = new Float32Array(M.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      out[column * rows + row] = M[row * columns + column];
    }
  }
  return out;
}

const sigmoid = (x) => 1 / (1 + Math.exp(-x));
// In double precision: what cancels near 0 is beyond what float32 holds, and Math.tanh takes longer.
const tanh = (x) => 1 - 2 / (1 + Math.exp(2 * x));
