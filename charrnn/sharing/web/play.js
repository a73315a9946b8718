// The page of a model that writes: what is told of a text and of what follows it.

const COULD = 8; // next characters to choose among
const LEVELS = 9; // colours of a scale

class Playground extends Following {
  constructor(core, labels) {
    super(core);
    this.noun = this.alphabet.bytes ? "byte" : "character";
    say("length-name", `${this.noun}s to write`);
    this.prepare(labels);
    byId("label").addEventListener("change", () => {
      this.reading.label = Number(byId("label").value);
      this.reread();
    });
    for (const name of ["colour", "unit-layer", "unit-number", "unit-part"]) {
      byId(name).addEventListener("input", () => this.recolour());
    }
    for (const name of ["write", "choice", "colour"]) byId(`${name}-section`).hidden = false;
    this.changed();
  }

  prepare(labels) {
    const option = (name, value) => made("option", { value }, name);
    const options = (id, names) => byId(id).append(...names.map(option));
    if (labels.length) {
      options("label", labels);
      byId("label-row").hidden = false;
      this.reading.label = 0;
    }
    const { model } = this;
    if (model.context === null) {
      options("unit-layer", Array.from({ length: model.levels }, (_, level) => String(level)));
      byId("unit-number").max = model.hidden - 1;
      byId("unit-part-row").hidden = model.kind.states < 2;
    } else {
      byId("colour").querySelector("[value=unit]").remove(); // it holds nothing
    }
    byId("next").append(...Array.from({ length: COULD }, (_, place) => {
      const button = made("button", { type: "button" }, made("b"), made("span", { className: "share" }),
        made("span", { className: "room" }, made("span", { className: "bar" })));
      button.addEventListener("click", () => this.insert(this.could[place]));
      return button;
    }));
  }

  recolour() {
    const { model } = this;
    const row = byId("unit-row");
    row.hidden = byId("colour").value !== "unit";
    const number = byId("unit-number");
    let place = null;
    if (!row.hidden && number.validity.valid && number.value !== "") {
      const [level, part] = [Number(byId("unit-layer").value), Number(byId("unit-part").value)];
      place = (level * model.kind.states + part) * model.hidden + Number(number.value);
    }
    if (place !== this.reading.unit) {
      this.reading.unit = place;
      if (place !== null) this.reread();
    }
    this.soon();
  }

  /** What a unit may hold in this text, either way. */
  get reach() {
    const cell = byId("unit-part").value === "1" || this.model.cell === "rnn-relu";
    return cell ? this.reading.held.reduce((most, value) => Math.max(most, Math.abs(value)), 1) : 1;
  }

  paint() {
    const { reading, alphabet } = this;
    const by = byId("colour").value;
    const reach = this.reach;
    const unknown = new Map();
    this.mirror.paint(reading.wanted, (sign, place) => {
      const lacking = alphabet.lacking(sign);
      for (const [name, ids] of lacking) unknown.set(name, ids);
      if (lacking.length) return "unknown";
      if (place >= reading.signs.length) return "";
      if (by === "surprise") return `s${Math.min(LEVELS - 1, Math.floor(reading.bits[place] ?? 0))}`;
      return by === "unit" && reading.unit !== null ? `u${this.level(reading.held[place], reach)}` : "";
    });
    const ghost = alphabet.text(this.suggestion);
    say("ghost", ghost);
    byId("take").disabled = !ghost;
    if (this.scrolls) byId("sheet").scrollTop = byId("sheet").scrollHeight;
    this.scrolls = false;
    const much = alphabet.end === null ? counted(this.settings.length, this.noun) : "a line";
    say("write", this.left ? "Stop" : `Write ${much}`);
    byId("back").disabled = !this.canTakeBack;
    for (const name of ["temperature", "top-p", "min-p"]) {
      say(`${name}-told`, Number(byId(name).value).toFixed(2));
    }
    tellUnknown(unknown, alphabet);
    tellFull(this.box);
    this.tellNext();
    this.tellLegend(by, reach);
    this.tellSum();
    this.tell();
  }

  level(value, reach) {
    return Math.min(LEVELS - 1, Math.max(0, Math.floor((LEVELS * (value + reach)) / (2 * reach))));
  }

  tellNext() {
    const { reading, settings } = this;
    if (!reading.done) return;
    const chances = shares(filtered(reading.last, settings), settings.temperature);
    this.could = ranked(chances).slice(0, COULD);
    Array.from(byId("next").children, (button, place) => {
      const id = this.could[place];
      const share = chances[id] ?? 0;
      button.hidden = !(share > 0);
      if (button.hidden) return;
      const [sign, told, room] = button.children;
      sign.textContent = this.alphabet.names[id];
      told.textContent = percent(share);
      room.firstChild.style.width = `${(100 * share).toFixed(1)}%`;
      button.setAttribute("aria-label", `${this.alphabet.names[id]}, ${percent(share)}: put it to the text`);
    });
  }

  tellLegend(by, reach) {
    const names = {
      surprise: "Bits that a character cost, from expected to a surprise; underlined from 6 on:",
      unit: "What the unit holds after a character; underlined where it is far below 0:",
      none: "No colours.",
    };
    const drawn = `${by} ${reach}`;
    if (this.drawn === drawn) return;
    this.drawn = drawn;
    say("legend-name", names[by]);
    const steps = Array.from({ length: LEVELS }, (_, level) => level);
    const words = {
      surprise: () => steps.map((level) => [`s${level}`, `${level}${level === LEVELS - 1 ? " and more" : ""}`]),
      unit: () => [0, 4, 8].map((level) => [`u${level}`, decimals((level / 4 - 1) * reach, 1)]),
      none: () => [],
    }[by]();
    byId("legend").replaceChildren(...words.map(([className, told]) => made("span", { className }, told)));
  }

  tellSum() {
    const bits = this.reading.bits.filter((each) => each !== null);
    const total = bits.reduce((sum, each) => sum + each, 0);
    const length = this.alphabet.bytes ? new TextEncoder().encode(this.text).length : bits.length;
    const words = length
      ? `${counted(length, this.noun)}, ${decimals(total / length, 2)} bits each.`
      : "Nothing is written yet.";
    say("sum", words);
    clearTimeout(this.timer);
    if (this.left) return;
    this.timer = setTimeout(() => {
      const ghost = byId("ghost").textContent;
      const said = ghost ? `${words} Suggestion: ${ghost}` : words;
      if (this.said !== said) byId("said").textContent = this.said = said;
    }, QUIET);
  }

  moved() {
    this.tell();
  }

  /** Of the character before the cursor. */
  tell() {
    const { reading } = this;
    const cursor = this.box.selectionStart; // which takes a browser longer than a loop's step
    const place = signBefore(reading.signs, cursor);
    if (place < 0) {
      say("told", "Move the cursor through the text: here it is told what each character cost.");
      return;
    }
    const bits = reading.bits[place];
    const cost = bits === null
      ? "the model does not know it, and reads nothing for it"
      : `${decimals(bits, 2)} bits; the model gave it a chance of ${percent(2 ** -bits)}`;
    const watched = reading.unit !== null && byId("colour").value === "unit";
    const unit = watched ? ` After it the unit holds ${decimals(reading.held[place], 2)}.` : "";
    const who = named(reading.signs[place], this.alphabet);
    say("told", `Before the cursor stands ${who}, character ${place + 1}: ${cost}.${unit}`);
  }
}

begin((parts, labels) => {
  const core = opened(parts);
  new Playground(core, labels);
  const { sample, bits, scores } = core;
  globalThis.charrnn = Object.freeze({ sample, bits, scores }); // for whoever opens the console
});
