// Symbols that are no characters: tokens with blanks between them, and features that stand beside a text, after a TAB. Each has a
// private character, by which a model knows it: charrnn/text/symbols.py.

const PRIVATE = 0xf0000;
const FEATURE = "\t"; // stands before the name of a feature
const BLANKS = "\\s\\x1c-\\x1f\\x85";

class Symbols extends Alphabet {
  /**
   * @param words  names of the symbols that are no characters
   * @param tokens  whether a text is made of tokens with blanks between
   * @param features  whether beside it stand features
   */
  constructor({ words, tokens, features, ...known }) {
    super(known);
    Object.assign(this, { tokens, features });
    const id = (number) => this.numbers.get(String.fromCodePoint(PRIVATE + number));
    this.words = new Map(words.map((word, number) => [word, id(number)]));
  }

  /** A line cut where it may be cut; all features are one sign, with the TAB before them. */
  signs(line) {
    const at = this.features ? line.indexOf("\t") : -1;
    const [text, cell] = at < 0 ? [line, []] : [line.slice(0, at), [line.slice(at)]];
    const every = this.tokens ? text.match(new RegExp(`[${BLANKS}]+|[^${BLANKS}]+`, "gu")) ?? [] : super.signs(text);
    return [...every, ...cell];
  }

  /** Whether a sign is that of all features. */
  beside(sign) {
    return this.features && sign.startsWith("\t");
  }

  /** The symbols that a sign is written for: none for characters and blanks. */
  named(sign) {
    const text = this.composed(sign).join("");
    if (this.beside(sign)) return features(text.slice(1)).map((name) => FEATURE + name);
    return this.tokens && !new RegExp(`^[${BLANKS}]`, "u").test(sign) ? [text] : [];
  }

  read(sign) {
    if (this.tokens || this.beside(sign)) {
      return this.named(sign).map((word) => this.words.get(word)).filter((id) => id !== undefined);
    }
    return this.features && sign.codePointAt(0) >= PRIVATE ? [] : super.read(sign);
  }

  knows(sign) {
    if (this.tokens || this.beside(sign)) return this.named(sign).every((word) => this.words.has(word));
    return super.knows(sign);
  }

  lacking(sign) {
    if (!this.tokens && !this.beside(sign)) return super.lacking(sign);
    return this.named(sign).filter((word) => !this.words.has(word)).map((word) => [word.replace(FEATURE, ""), []]);
  }

  /** Features come before the text. */
  ids(line) {
    const every = this.signs(line);
    const cell = every.length && this.beside(every.at(-1)) ? [every.pop()] : [];
    return [...cell, ...every].flatMap((sign) => this.read(sign));
  }
}

/** The names of features in a cell; what is in brackets is not divided, as in NOM(1,SG). */
function features(cell) {
  const [names, commas] = [[""], []];
  let depth = 0;
  for (const character of cell) {
    depth += "([{".includes(character) - (")]}".includes(character) && depth > 0);
    const outside = depth === 0 && !")]}".includes(character);
    if (outside && (";|".includes(character) || new RegExp(`[${BLANKS}]`, "u").test(character))) {
      names.push("");
      continue;
    }
    if (outside && character === "," && names.length === 1) commas.push(names[0].length);
    names[names.length - 1] += character;
  }
  const found = names.filter(Boolean);
  if (found.length !== 1 || !commas.length) return found;
  const stops = [...commas, found[0].length];
  const parts = stops.map((stop, n) => found[0].slice(n ? stops[n - 1] + 1 : 0, stop));
  // Else it is one feature of several values.
  return new Set(parts.map((part) => part.includes("="))).size === 1 ? parts.filter(Boolean) : found;
}
