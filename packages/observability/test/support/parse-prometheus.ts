/** A family of the text format, read strictly: anything that breaks a rule of format 0.0.4 throws. */
export interface ParsedFamily {
  type: string;
  help: string | undefined;
  samples: { name: string; labels: Record<string, string>; value: number }[];
}

const SUFFIXES: Record<string, readonly string[]> = {
  histogram: ['_bucket', '_sum', '_count'],
  counter: [''],
  gauge: [''],
};
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/s;
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\["\\n])*)"(?:,|$)/;
const NUMBER = /^(?:[+-]?Inf|NaN|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$/;

export function parsePrometheus(text: string): Map<string, ParsedFamily> {
  if (text !== '' && !text.endsWith('\n')) throw new Error('the last line has no end');
  const reader = new Reader();
  for (const line of text.split('\n').slice(0, -1)) reader.read(line);
  return reader.families;
}

class Reader {
  readonly families = new Map<string, ParsedFamily>();
  readonly #seen = new Set<string>();
  #name = '';
  #help: { name: string; text: string } | undefined;

  read(line: string): void {
    const [, keyword, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/s.exec(line) ?? [];
    if (keyword === 'HELP') this.#help = { name, text: rest };
    else if (keyword === 'TYPE') this.#begin(name, rest);
    else this.#add(parseSample(line));
  }

  #begin(name: string, type: string): void {
    if (this.families.has(name)) throw new Error(`two TYPE lines for ${name}`);
    if (SUFFIXES[type] === undefined) throw new Error(`unknown type ${type}`);
    if (this.#help !== undefined && this.#help.name !== name) {
      throw new Error(`HELP of ${this.#help.name} stands alone`);
    }
    this.families.set(name, { type, help: this.#help?.text, samples: [] });
    this.#name = name;
    this.#help = undefined;
  }

  #add(sample: ParsedFamily['samples'][number]): void {
    const family = this.families.get(this.#name);
    const suffixes = SUFFIXES[family?.type ?? ''] ?? [];
    if (!suffixes.some((suffix) => `${this.#name}${suffix}` === sample.name)) {
      throw new Error(`${sample.name} stands in the family ${this.#name}`);
    }
    const series = `${sample.name} ${JSON.stringify(Object.entries(sample.labels).sort())}`;
    if (this.#seen.has(series)) throw new Error(`the series ${series} is there twice`);
    this.#seen.add(series);
    family?.samples.push(sample);
  }
}

function parseSample(line: string): ParsedFamily['samples'][number] {
  const [, name = '', labelText = '', number = ''] = SAMPLE.exec(line) ?? [];
  if (name === '') throw new Error(`not a sample: ${line}`);
  if (!NUMBER.test(number)) throw new Error(`not a number: ${line}`);
  const labels: Record<string, string> = {};
  let rest = labelText;
  while (rest !== '') {
    const [all, label, value] = LABEL.exec(rest) ?? [];
    if (all === undefined || label === undefined || value === undefined) {
      throw new Error(`not labels: ${rest}`);
    }
    if (Object.hasOwn(labels, label)) throw new Error(`the label ${label} is there twice`);
    labels[label] = value.replace(/\\(.)/gs, (_, char: string) => (char === 'n' ? '\n' : char));
    rest = rest.slice(all.length);
  }
  return { name, labels, value: Number(number.replace('Inf', 'Infinity')) };
}

/** The value of one series. */
export function sampleOf(
  families: Map<string, ParsedFamily>,
  name: string,
  labels: Record<string, string> = {},
): number | undefined {
  for (const { samples } of families.values()) {
    const found = samples.find(
      (sample) =>
        sample.name === name &&
        Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
    );
    if (found !== undefined) return found.value;
  }
  return undefined;
}
