// The page of a model for labels or for tags.

const RUNS = 40; // of equal tags that are told
const DECORATED = 5; // ways in which tags are told apart

class Answers extends Lines {
  constructor({ alphabet, answer }, labels) {
    super(alphabet);
    Object.assign(this, { answer, labels });
    this.soon();
  }

  /** Of each sign how many characters the model read for it, and what the answer is. */
  *reading(line) {
    const signs = this.alphabet.signs(line);
    const ids = signs.map((sign) => this.alphabet.read(sign));
    return { signs, counts: ids.map((each) => each.length), answer: this.answer(ids.flat()) };
  }
}

class LabelAnswers extends Answers {
  shown({ answer }) {
    const order = ranked(answer).slice(0, MOST);
    tabulate(["label", "probability"], order.map((label) => [this.labels[label], answer[label]]));
    return `This line is ${this.labels[order[0]]}, with a probability of ${percent(answer[order[0]])}.`;
  }
}

class TagAnswers extends Answers {
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

  classes(read) {
    return this.tags(read).map((chances) => this.decoration(this.best(chances)));
  }

  /** The tag before the cursor, and all of the line in runs of equal tags. */
  shown(read, column) {
    const tags = this.tags(read);
    const place = signBefore(read.signs, Math.max(1, column));
    const chances = tags[place];
    const row = (tag) => [this.labels[tag], chances[tag], this.decoration(tag)];
    const order = chances ? ranked(chances).slice(0, MOST) : [];
    tabulate(["tag before the cursor", "probability"], order.map(row));
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
}

begin((parts, labels) => {
  const core = answering(parts);
  const { alphabet, answer } = core;
  new (parts.aligned ? TagAnswers : LabelAnswers)(core, labels);
  globalThis.charrnn = Object.freeze({ answer: (text) => answer(alphabet.ids(text)) }); // for whoever opens the console
});
