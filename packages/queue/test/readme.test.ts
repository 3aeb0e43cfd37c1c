import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';

const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
const examples = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code ?? '');
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(fileURLToPath(new URL('.', import.meta.url)), '.readme-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

it.each(examples.map((code, at) => ({ code, number: at + 1 })))(
  'README example $number runs',
  async ({ code, number }) => {
    const printed: unknown[][] = [];
    const log = vi
      .spyOn(console, 'log')
      .mockImplementation((...values) => void printed.push(values));
    try {
      const file = join(folder, `example-${number}.ts`);
      await writeFile(file, code);
      await import(/* @vite-ignore */ file);
      // What a comment after console.log promises is what comes out.
      const promised = [...code.matchAll(/console\.log\((?:.*)\); \/\/ ([\w, ]+)$/gm)].map(
        ([, text]) => text,
      );
      const texts = printed.map((values) => values.flat().map(String).join(' '));
      for (const text of promised) expect(texts).toContain(text?.replaceAll(',', ''));
    } finally {
      log.mockRestore();
    }
  },
);
