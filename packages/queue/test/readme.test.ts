import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';

const guides = new URL('../../../docs/guides/queue/', import.meta.url);
const pages = [
  new URL('../README.md', import.meta.url),
  ...(await readdir(guides)).map((name) => new URL(name, guides)),
];
const examples: { page: string; number: number; code: string }[] = [];
for (const page of pages) {
  const text = await readFile(page, 'utf8');
  for (const [at, [, code = '']] of [...text.matchAll(/^```ts\n(.*?)^```$/gms)].entries())
    examples.push({ page: basename(page.pathname), number: at + 1, code });
}
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(fileURLToPath(new URL('.', import.meta.url)), '.readme-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

it.each(examples)('example $number of $page runs', async ({ page, code, number }) => {
  const printed: unknown[][] = [];
  const log = vi.spyOn(console, 'log').mockImplementation((...values) => void printed.push(values));
  try {
    const file = join(folder, `${page}-${number}.ts`);
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
});
