import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A TypeScript example of a README that stands by itself: it has an import of a package of the suite. */
export interface ReadmeExample {
  /** Such as `packages/queue/README.md:12`. */
  readonly place: string;
  readonly code: string;
  /** Whether it ends by itself; one that listens on a port is only type-checked. */
  readonly ends: boolean;
}

const BLOCK = /^```ts\n([\s\S]*?)^```$/gm;
const OWN_IMPORT = /^import [\s\S]*? from '@holdfast\//m;

function examplesOf(root: string, file: string): ReadmeExample[] {
  const text = readFileSync(join(root, file), 'utf8');
  return [...text.matchAll(BLOCK)].flatMap((match) => {
    const code = match[1] ?? '';
    if (!OWN_IMPORT.test(code)) return [];
    const line = text.slice(0, match.index).split('\n').length;
    return [{ place: `${file}:${line}`, code, ends: !code.includes('.listen(') }];
  });
}

/** The examples of the root's README and of every package's. */
export function readmeExamples(root: string): ReadmeExample[] {
  const packages = readdirSync(join(root, 'packages')).map((name) => `packages/${name}/README.md`);
  return ['README.md', ...packages].flatMap((file) => examplesOf(root, file));
}
