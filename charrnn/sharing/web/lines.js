// A box of lines, each of which is read by itself: what is typed, and what is told of the line where the cursor stands.

const OF_A_FRAME = 10; // milliseconds for reading
const KEPT = 4000; // answers
const MOST = 12; // labels that are told

class Lines extends Framed {
  constructor(alphabet) {
    super();
    this.alphabet = alphabet;
    this.known = new Map(); // answers by the lines that they are for
    byId("read-section").hidden = false;
  }

  /** What a line is, as a generator, which comes back where it may be left for a while. */
  *reading(_line) {}

  /** The class of each sign of a line that was read. */
  classes(_read) {
    return [];
  }

  /** Show an answer, and put it in words; `column` is where the cursor stands. */
  shown(_read, _column) {
    return "";
  }

  changed() {
    this.soon();
  }

  moved() {
    this.soon();
  }

  /** The lines; the number of that where the cursor stands, and where in it. */
  get place() {
    const before = this.text.slice(0, this.box.selectionStart).split("\n");
    return { lines: this.text.split("\n"), number: before.length - 1, column: before.at(-1).length };
  }

  /** Read the lines that are not known yet, some of them at a time; that of the cursor first. */
  work() {
    const { lines, number } = this.place;
    if (this.known.size > KEPT + lines.length) this.known.clear();
    const until = performance.now() + OF_A_FRAME;
    return ![lines[number], ...lines].every((line) => this.known.has(line) || this.advance(line, until));
  }

  /** Read on in a line; whether its answer is there. */
  advance(line, until) {
    if (this.underway?.line !== line) this.underway = { line, steps: this.reading(line) };
    const { steps } = this.underway;
    while (performance.now() < until) {
      const { done, value } = steps.next();
      if (!done) continue;
      this.known.set(line, value);
      this.underway = null;
      return true;
    }
    return false;
  }

  paint() {
    const { lines, number, column } = this.place;
    this.colour(lines);
    this.tell(this.known.get(lines[number]), column);
  }

  /** Show the lines as far as they are read. */
  colour(lines) {
    const [every, classes, unknown] = [[], [], new Map()];
    lines.forEach((line, number) => {
      if (number) {
        every.push("\n");
        classes.push("");
      }
      const read = this.known.get(line);
      const own = read ? this.classes(read) : [];
      (read?.signs ?? Array.from(line)).forEach((sign, place) => {
        const lacking = read ? this.alphabet.lacking(sign) : [];
        for (const [name, ids] of lacking) unknown.set(name, ids);
        every.push(sign);
        classes.push(lacking.length ? "unknown" : own[place] ?? "");
      });
    });
    this.mirror.paint(every, (_, place) => classes[place]);
    tellUnknown(unknown, this.alphabet);
    tellFull(this.box);
  }

  tell(read, column) {
    const words = !read ? "" : !read.signs.length ? "Nothing stands in this line yet." : this.shown(read, column);
    if (!read?.signs.length) byId("answers").replaceChildren();
    say("told", words);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => say("said", words), QUIET);
  }
}

/** A row for each answer: what it is, and its probability with a bar. */
function tabulate(names, rows) {
  const row = ([name, share, className = "", ...more]) => {
    const bar = made("span", { className: "bar" });
    bar.style.width = `${(100 * share).toFixed(1)}%`;
    const room = made("span", { className: "room" }, bar);
    const measure = made("span", { className: "measure" }, percent(share), room);
    const label = made("th", { scope: "row" }, made("span", { className, dir: "auto" }, name));
    return made("tr", {}, label, made("td", {}, measure), ...more.map((each) => made("td", {}, each)));
  };
  const head = made("tr", {}, ...names.map((name) => made("th", { scope: "col" }, name)));
  byId("answers").replaceChildren(made("thead", {}, head), made("tbody", {}, ...rows.map(row)));
}
