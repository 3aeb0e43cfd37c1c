import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const packages = fileURLToPath(new URL('../packages/', import.meta.url));

describe('files that every package keeps a copy of', () => {
  for (const file of ['duration.ts', 'uuid.ts']) {
    it(`${file} is the same everywhere`, () => {
      const copies = readdirSync(packages)
        .map((name) => `${packages}${name}/src/${file}`)
        .filter((path) => existsSync(path))
        .map((path) => ({ path: path.slice(packages.length), text: readFileSync(path, 'utf8') }));
      const [first, ...others] = copies;
      expect(copies.length).toBeGreaterThan(1);
      expect(others.filter(({ text }) => text !== first?.text).map(({ path }) => path)).toEqual([]);
    });
  }
});
