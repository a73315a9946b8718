// The page of a model that makes another text of each line.

const DRAWN = 4000; // squares of a picture, at most
const SHADES = 8;
const BESIDE = 0.05; // what looks less at each of a line's characters looks at the mark after them

class Rewritings extends Lines {
  constructor(core, labels) {
    super(core.alphabet);
    Object.assign(this, core, { labels });
    for (const name of ["beam", "top", "length-penalty", "features"]) {
      byId(name).addEventListener("input", () => {
        this.known.clear();
        this.underway = null;
        this.soon();
      });
    }
    byId("features-row").hidden = !this.alphabet.features;
    for (const name of ["made", "looked", "search"]) byId(`${name}-section`).hidden = false;
    this.soon();
  }

  get settings() {
    return { beam: numberIn("beam"), top: numberIn("top"), lengthPenalty: numberIn("length-penalty") };
  }

  /** A line with its features, where the model wants some. */
  complete(line) {
    return this.alphabet.features && line && !line.includes("\t") ? `${line}\t${byId("features").value}` : line;
  }

  *reading(line) {
    const signs = this.alphabet.signs(line);
    if (this.alphabet.features && line.split("\t").length > 2) return { signs, wrong: true };
    const ids = this.alphabet.ids(this.complete(line));
    const found = yield* searched(this.model, ids, this.settings);
    const [greedy] = yield* searched(this.model, ids, { ...this.settings, beam: 1, top: 1 });
    return { signs, ids, found, greedy };
  }

  colour(lines) {
    super.colour(lines);
    const made = lines.map((line) => {
      const read = this.known.get(line);
      return read ? this.written(read.found?.[0]?.symbols ?? []) : "…";
    });
    const box = byId("made");
    const text = made.join("\n");
    if (box.value === text) return;
    box.value = text;
    box.rows = Math.min(12, Math.max(2, made.length));
  }

  tell(read, column) {
    if (!read?.found?.length) this.draw(null);
    super.tell(read, column);
  }

  shown(read) {
    if (!read.found?.length) {
      byId("answers").replaceChildren();
      return read.wrong ? "A line is a source, a TAB and its features." : "The model knows nothing in this line.";
    }
    const { found, greedy } = read;
    const bits = ({ nats }) => decimals(nats / Math.LN2, 2);
    const rows = found.map((one) => [this.inWords(one), Math.exp(-one.nats), "", bits(one)]);
    tabulate(["the line becomes", "probability", "bits"], rows);
    this.draw(read);
    const [best] = found;
    const same = this.inWords(greedy) === this.inWords(best);
    const other = same ? "the same" : `${this.inWords(greedy)}, which costs ${bits(greedy)} bits`;
    return `This line becomes ${this.inWords(best)}, with a probability of ${percent(Math.exp(-best.nats))}. ` +
      `Taking the likeliest symbol each time makes ${other}.`;
  }

  inWords({ symbols, ended }) {
    return `${this.written(symbols) || "(nothing)"}${ended ? "" : " (without an end)"}`;
  }

  /** What each symbol of the best target looked at, as a table that is a picture, too. */
  draw(read) {
    if (this.drawn === read) return;
    this.drawn = read;
    const weights = read && this.rows(read);
    byId("looked").replaceChildren();
    say("looked-told", typeof weights === "string" ? weights : "");
    if (!read || typeof weights === "string") return;
    const names = read.ids.map((id) => this.alphabet.names[id]);
    const symbols = [...read.found[0].symbols.map((symbol) => this.labels[symbol]), "(end)"];
    const square = (share) => {
      const shade = Math.min(SHADES, Math.round(SHADES * share));
      return made("td", { className: `s${shade}` }, share >= 0.005 ? (100 * share).toFixed(0) : "");
    };
    const head = made("tr", {}, made("td"), ...names.map((name) => made("th", { scope: "col" }, name)));
    const rows = weights.map((row, place) =>
      made("tr", {}, made("th", { scope: "row" }, symbols[place].replaceAll(" ", "␣")), ...Array.from(row, square)));
    byId("looked").append(made("thead", {}, head), made("tbody", {}, ...rows));
    const where = (row) => {
      const best = ranked(row)[0];
      return row[best] < BESIDE ? "beyond the last one" : `at ${names[best]}`;
    };
    const most = weights.map((row, place) => `${symbols[place]} ${where(row)}`);
    say("looked-told", `Each symbol looked most at: ${most.join("; ")}.`);
  }

  /** The alignment, or why there is none to be seen. */
  rows({ ids, found: [{ symbols }] }) {
    if (ids.length * (symbols.length + 1) > DRAWN) return "The line is too long for a picture of it.";
    const none = "The model has no attention: all that it knows of a line while it writes is what it held at its end.";
    return alignment(this.model, ids, symbols) ?? none;
  }
}

begin((parts, labels) => {
  const core = rewriting(parts, labels);
  new Rewritings(core, labels);
  const { rewrite, align } = core;
  globalThis.charrnn = Object.freeze({ rewrite, align }); // for whoever opens the console
});
