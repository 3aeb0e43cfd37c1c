import type { LogDestination } from '../../src/index.js';

export type Line = Record<string, unknown>;

/** A destination in memory and the lines it got, parsed. */
export function memoryLines(): {
  destination: LogDestination;
  text: () => string;
  lines: () => Line[];
} {
  let text = '';
  return {
    destination: {
      write: (line) => {
        text += line;
      },
    },
    text: () => text,
    lines: () => parseLines(text),
  };
}

export function parseLines(text: string): Line[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line): Line => JSON.parse(line));
}
