// The page of a model for labels or for tags: what is typed, and what it is.

const MOST = 12; // labels that are told
const RUNS = 40; // of equal tags that are told
const DECORATED = 5; // ways in which tags are told apart
const QUIET = 1200; // milliseconds without a change after which a screen reader is told
const PATIENCE = 10; // milliseconds of a frame for reading

class Reader {
  constructor(parts, labels) {
    Object.assign(this, answering(parts), { aligned: parts.aligned, labels });
    this.box = byId("text");
    this.mirror = new Mirror(byId("written"));
    this.known = new Map(); // answers by the lines that they are for
    this.box.addEventListener("input", () => this.soon());
    for (const kind of ["keyup", "click"]) this.box.addEventListener(kind, () => this.soon());
    document.addEventListener("selectionchange", () => this.soon());
    byId("read-section").hidden = false;
    this.soon();
  }

  soon() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      telling(() => this.turn());
    });
  }

  /** Read the lines that are not known yet, some of them at a time; that of the cursor first. */
  turn() {
    const { box } = this;
    const lines = box.value.split("\n");
    const before = box.value.slice(0, box.selectionStart).split("\n");
    const [here, column] = [lines[before.length - 1], before.at(-1).length];
    const until = performance.now() + PATIENCE;
    let left = false;
    for (const line of [here, ...lines]) {
      if (this.known.has(line)) continue;
      left = performance.now() > until;
      if (left) break;
      this.known.set(line, this.read(line));
    }
    if (this.known.size > 4000) this.known = new Map([[here, this.known.get(here)]]);
    this.paint(lines);
    this.tell(this.known.get(here), column);
    if (left) this.soon();
  }

  /** Of each sign how many characters the model read for it, and what the answer is. */
  read(line) {
    const every = signs(line, this.alphabet.normalize);
    const ids = every.map((sign) => this.alphabet.read(sign));
    return { signs: every, counts: ids.map((each) => each.length), answer: this.answer(ids.flat()) };
  }

  /** Of each sign of a line the probabilities of its tags: those of the first character that was read for it. */
  tags({ counts, answer }) {
    let at = 0;
    return counts.map((count) => {
      const found = count ? answer[at] : null;
      at += count;
      return found;
    });
  }

  best(chances) {
    return chances ? ranked(chances)[0] : null;
  }

  /** Tags that mean nothing are not decorated. */
  decoration(tag) {
    if (tag === null || ["O", "-", "_"].includes(this.labels[tag])) return "";
    return `tag${tag % DECORATED}`;
  }

  paint(lines) {
    const [every, classes, unknown] = [[], [], new Set()];
    lines.forEach((line, number) => {
      if (number) {
        every.push("\n");
        classes.push("");
      }
      const read = this.known.get(line);
      const decorated = (chances) => this.decoration(this.best(chances));
      const tags = read && this.aligned ? this.tags(read).map(decorated) : [];
      (read?.signs ?? Array.from(line)).forEach((sign, place) => {
        const known = this.alphabet.knows(sign);
        if (!known) unknown.add(sign);
        every.push(sign);
        classes.push(known ? tags[place] ?? "" : "unknown");
      });
    });
    this.mirror.paint(every, (_, place) => classes[place]);
    tellUnknown(unknown, this.alphabet);
  }

  tell(read, column) {
    const words = !read || !read.signs.length
      ? "Nothing stands in this line yet."
      : this.aligned ? this.tellTags(read, column) : this.tellLabel(read);
    say("told", words);
    if (!read || !read.signs.length) byId("answers").replaceChildren();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => say("said", words), QUIET);
  }

  tellLabel({ answer }) {
    const order = ranked(answer).slice(0, MOST);
    this.table(order.map((label) => [this.labels[label], answer[label]]));
    return `This line is ${this.labels[order[0]]}, with a probability of ${percent(answer[order[0]])}.`;
  }

  /** The tag before the cursor, and all of the line in runs of equal tags. */
  tellTags(read, column) {
    const tags = this.tags(read);
    let [place, end] = [-1, 0];
    while (place + 1 < read.signs.length && end < Math.max(1, column)) end += read.signs[++place].length;
    const chances = tags[place];
    if (chances) {
      const row = (tag) => [this.labels[tag], chances[tag], this.decoration(tag)];
      this.table(ranked(chances).slice(0, MOST).map(row));
    }
    const runs = [];
    read.signs.forEach((sign, at) => {
      const tag = this.best(tags[at]);
      if (runs.length && runs.at(-1).tag === tag) runs.at(-1).text += sign;
      else runs.push({ tag, text: sign });
    });
    const inWords = ({ tag, text }) => `${text.trim() || "␣"} ${this.labels[tag] ?? "(unknown)"}`;
    const whole = runs.slice(0, RUNS).map(inWords).join(", ");
    const tag = this.labels[this.best(chances)];
    const sign = chances ? named(read.signs[place], this.alphabet) : "";
    const here = chances ? `Before the cursor stands ${sign}: ${tag}. ` : "";
    return `${here}The line: ${whole}${runs.length > RUNS ? " and so on" : ""}.`;
  }

  table(rows) {
    const row = ([name, share, className = ""]) => {
      const bar = made("span", { className: "bar" });
      bar.style.width = `${(100 * share).toFixed(1)}%`;
      const room = made("span", { className: "room" }, bar);
      const measure = made("span", { className: "measure" }, percent(share), room);
      const label = made("th", { scope: "row" }, made("span", { className }, name));
      return made("tr", {}, label, made("td", {}, measure));
    };
    const names = [this.aligned ? "tag before the cursor" : "label", "probability"];
    const head = made("tr", {}, ...names.map((name) => made("th", { scope: "col" }, name)));
    byId("answers").replaceChildren(made("thead", {}, head), made("tbody", {}, ...rows.map(row)));
  }
}

begin((parts, labels) => {
  const { alphabet, answer } = new Reader(parts, labels);
  const found = (text) => answer(signs(text, alphabet.normalize).flatMap((sign) => alphabet.read(sign)));
  globalThis.charrnn = Object.freeze({ answer: found }); // for whoever opens the console
});
