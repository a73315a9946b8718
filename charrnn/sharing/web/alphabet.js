// Text as numbers and back: characters, or the bytes of UTF-8.

class Alphabet {
  /**
   * @param characters  in the order of their numbers
   * @param end  the character that ends a record; empty where the text runs on
   * @param names  how each is written where it stands alone
   * @param plain  plainer forms of signs of which Unicode does not tell any
   */
  constructor({ characters, unit, normalize, end, names, plain }) {
    this.characters = Array.from(characters);
    this.numbers = new Map(this.characters.map((character, id) => [character, id]));
    Object.assign(this, { bytes: unit === "byte", normalize, names, plain, standIns: new Map() });
    this.end = end ? this.numbers.get(end) : null;
  }

  /** A text cut where it may be cut. */
  signs(text) {
    return signs(text, this.normalize);
  }

  /** The numbers of a text. */
  ids(text) {
    return this.signs(text).flatMap((sign) => this.read(sign));
  }

  /** The numbers of a piece of text that is one sign of the page's: several for bytes, none where nothing stands in. */
  read(sign) {
    if (this.bytes) return [...new TextEncoder().encode(sign)];
    const known = this.numbers.get(sign);
    if (known !== undefined) return [known];
    if (!this.standIns.has(sign)) this.standIns.set(sign, this.similar(sign));
    return this.standIns.get(sign);
  }

  /** Whether the model knows a sign as it stands. */
  knows(sign) {
    return this.bytes || this.numbers.has(sign) || this.composed(sign).every((c) => this.numbers.has(c));
  }

  /** What is not known of a sign, with the numbers that are read in its place. */
  lacking(sign) {
    return this.knows(sign) ? [] : [[sign, this.read(sign)]];
  }

  composed(sign) {
    return Array.from(this.normalize === "nfc" ? sign.normalize("NFC") : sign);
  }

  /** Of an unknown sign: its composed form, a plainer one, or that in the other case. */
  similar(sign) {
    const bare = (c) => (/\s/u.test(c) ? " " : c.normalize("NFKD").replace(/\p{M}/gu, ""));
    const plainer = (text) => Array.from(text, (c) => this.plain[c] ?? bare(c)).join("");
    const forms = [this.composed(sign).join(""), plainer(sign), plainer(plainer(sign))];
    const other = (text) => (text.toLowerCase() === text ? text.toUpperCase() : text.toLowerCase());
    for (const form of [...forms, ...forms.map(other)]) {
      const ids = Array.from(form, (c) => this.numbers.get(c));
      if (ids.length && !ids.includes(undefined)) return ids;
    }
    const readable = /[\p{L}\p{N}\p{S}]/u.test(sign) ? "?" : " ";
    const last = ["\ufffd", readable, " "].find((c) => this.numbers.has(c));
    return last === undefined ? [] : [this.numbers.get(last)];
  }

  /** What numbers are written as; bytes that are no UTF-8 become U+FFFD, a carriage return a line feed, as in any text box. */
  text(ids) {
    const text = this.bytes
      ? new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(ids))
      : ids.map((id) => this.characters[id]).join("");
    return text.replace(/\r\n?/g, "\n");
  }
}

/** A text cut where it may be cut: code points, with what is composed to one left whole. */
function signs(text, normalize) {
  if (typeof text !== "string") throw new TypeError(`a text must be a string, not ${text}`);
  const every = Array.from(text);
  if (normalize !== "nfc" || !/\p{M}|[\u1160-\u11ff]/u.test(text)) return every;
  const whole = [];
  const length = (text) => Array.from(text.normalize(normalize.toUpperCase())).length;
  for (const sign of every) {
    const last = whole.at(-1);
    if (last !== undefined && length(last + sign) < length(last) + 1) whole[whole.length - 1] = last + sign;
    else whole.push(sign);
  }
  return whole;
}
