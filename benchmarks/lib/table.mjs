import { summary } from './statistics.mjs';

/** A target: our figure is at least so many times the rival's. */
export const atLeast = (factor) => ({ text: `≥ ${factor}`, isMet: (ratio) => ratio >= factor });
/** A target: our figure is at most so many times the rival's. */
export const atMost = (factor) => ({ text: `≤ ${factor}`, isMet: (ratio) => ratio <= factor });

/** A number with three digits that count, and thousands apart. */
export function format(number) {
  const digits = number === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(Math.abs(number))));
  const rounded = Math.abs(number) >= 1_000 ? Number(number.toPrecision(3)) : number;
  return rounded.toLocaleString('en-US', {
    maximumFractionDigits: Math.min(digits, 3),
    minimumFractionDigits: 0,
  });
}

/** `median (min–max)`. */
export function range(samples) {
  const { median, min, max } = summary(samples);
  return `${format(median)} (${format(min)}–${format(max)})`;
}

/**
 * One comparison: samples of ours and of the rival, the ratio of their medians, and the target, if there is one.
 */
export function row({ work, unit, ours, oursName, rival, rivalName, target }) {
  const ratio = summary(ours).median / summary(rival).median;
  const met = target === undefined ? null : target.isMet(ratio);
  const verdict = met === null ? '' : met ? 'met' : 'missed';
  const cells = [work, unit, range(ours), rivalName, range(rival), format(ratio)];
  return {
    oursName,
    met,
    cells: [...cells, target?.text ?? '', verdict],
    line: `${work}: ${range(ours)} against ${range(rival)} ${unit} of ${rivalName}: ${format(ratio)}x ${target?.text ?? ''} ${verdict}`,
    json: {
      work,
      unit,
      ours: summary(ours).median,
      rival: summary(rival).median,
      rivalName,
      ratio,
      target: target?.text ?? null,
      met,
    },
  };
}

const HEADINGS = ['work', 'unit', 'ours', 'rival', "rival's", 'ratio', 'target', ''];

/** Prints the rows with aligned columns. */
export function printRows(rows) {
  const table = [HEADINGS, ...rows.map(({ cells }) => cells)];
  const widths = HEADINGS.map((_, column) =>
    Math.max(...table.map((cells) => cells[column].length)),
  );
  console.log();
  for (const cells of table) {
    console.log(
      cells
        .map((cell, column) => cell.padEnd(widths[column]))
        .join('  ')
        .trimEnd(),
    );
  }
  const missed = rows.filter(({ met }) => met === false).length;
  const judged = rows.filter(({ met }) => met !== null).length;
  console.log(`\n${judged - missed} of ${judged} targets met`);
}

/** The rows as a Markdown table. */
export function markdownRows(rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [
    line(HEADINGS),
    line(['---', '---', '---:', '---', '---:', '---:', '---', '---']),
    ...rows.map(({ cells, met }) =>
      line(met === false ? [...cells.slice(0, -1), '**missed**'] : cells),
    ),
  ].join('\n');
}
