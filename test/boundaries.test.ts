import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { importsOf } from './boundaries/imports.js';
import { type Manifest, readWorkspaces, type Workspace } from './boundaries/project.js';
import { exampleProblems, packageProblems } from './boundaries/rules.js';

const read = (name: string) =>
  readWorkspaces(fileURLToPath(new URL(`../${name}`, import.meta.url)));
const packages = read('packages');

describe('boundaries of the packages', () => {
  for (const workspace of packages) {
    it(`${workspace.manifest.name} keeps them`, () => {
      expect(packageProblems(workspace)).toEqual([]);
    });
  }

  for (const example of read('examples')) {
    it(`${example.manifest.name} uses only what is published`, () => {
      expect(exampleProblems(example, packages)).toEqual([]);
    });
  }
});

const entry = (source: string) => {
  const built = source.replace('src/', './dist/').replace('.ts', '');
  return { '@holdfast/source': `./${source}`, types: `${built}.d.ts`, default: `${built}.js` };
};

/** A package that keeps every rule, with something changed. */
function fixture(files: Record<string, string>, manifest: Partial<Manifest> = {}): Workspace {
  const all = {
    'src/index.ts': "export { queue } from './queue.js';",
    'src/queue.ts': "import { memory } from './stores/memory.js';\nimport 'node:fs';",
    'src/stores/memory.ts': "import type { SqlTransaction } from '@holdfast/sql';",
    'src/stores/redis.ts': "import { Redis } from 'ioredis';",
    'src/stores/postgres.ts': "import { migrate } from '@holdfast/sql';",
    ...files,
  };
  return {
    files: new Map(Object.entries(all)),
    manifest: {
      name: '@holdfast/queue',
      exports: {
        '.': entry('src/index.ts'),
        './redis': entry('src/stores/redis.ts'),
        './postgres': entry('src/stores/postgres.ts'),
        './package.json': './package.json',
      },
      peerDependencies: { '@holdfast/sql': '^0.0.0', ioredis: '^6.0.0' },
      peerDependenciesMeta: { '@holdfast/sql': { optional: true }, ioredis: { optional: true } },
      ...manifest,
    },
  };
}

describe('the check itself', () => {
  it('accepts a package that keeps every rule', () => {
    expect(packageProblems(fixture({}))).toEqual([]);
  });

  const violations: [name: string, files: Record<string, string>, expected: string][] = [
    [
      'a feature that imports a feature',
      { 'src/queue.ts': "import type { Cache } from '@holdfast/cache';" },
      'src/queue.ts: imports @holdfast/cache, another package',
    ],
    [
      'sql loaded outside a Postgres store',
      { 'src/queue.ts': "import { migrate } from '@holdfast/sql';" },
      'src/queue.ts: loads @holdfast/sql at run time outside stores/postgres',
    ],
    [
      'a type import that stays in the output',
      { 'src/queue.ts': "import { type SqlDatabase } from '@holdfast/sql';" },
      'src/queue.ts: loads @holdfast/sql at run time outside stores/postgres',
    ],
    [
      'an index that reaches a store through another file',
      { 'src/queue.ts': "export * from './stores/redis.js';" },
      'src/index.ts: reaches src/stores/redis.ts',
    ],
    [
      'an index that reaches a client library',
      { 'src/queue.ts': "const load = () => import('ioredis');" },
      'src/index.ts: reaches ioredis through src/queue.ts',
    ],
    [
      'a library that is not declared',
      { 'src/queue.ts': "import leftPad from 'left-pad';" },
      'src/queue.ts: left-pad is in neither dependencies nor peerDependencies',
    ],
    [
      'a module of Node without its prefix',
      { 'src/queue.ts': "import 'fs';" },
      'src/queue.ts: write node:fs',
    ],
    [
      'a path out of the package',
      { 'src/queue.ts': "import '../../cache/src/index.js';" },
      'src/queue.ts: ../../cache/src/index.js leaves the package',
    ],
    [
      'a file that is not there',
      { 'src/queue.ts': "import './gone.js';" },
      'src/queue.ts: ./gone.js is not a file',
    ],
    [
      'a public file without an entry point',
      { 'src/testing.ts': '' },
      'package.json: src/testing.ts is not exported',
    ],
  ];
  for (const [name, files, expected] of violations) {
    it(`finds ${name}`, () => {
      expect(packageProblems(fixture(files))).toContain(expected);
    });
  }

  const manifests: [name: string, manifest: Partial<Manifest>, expected: string][] = [
    [
      'a declared dependency that nothing imports',
      { dependencies: { zod: '^4.0.0' } },
      'package.json: zod is declared and never imported',
    ],
    [
      'a client library that everyone would have to install',
      { dependencies: { ioredis: '^6.0.0' } },
      'package.json: ioredis must be an optional peer',
    ],
    [
      'a client library as a peer that is not optional',
      { peerDependenciesMeta: { '@holdfast/sql': { optional: true } } },
      'package.json: the peer ioredis must be optional',
    ],
    [
      'an entry point without a source',
      { exports: { '.': entry('src/index.ts'), './nats': entry('src/stores/nats.ts') } },
      'package.json: ./nats has no source src/stores/nats.ts',
    ],
    [
      'an entry point whose output belongs to another source',
      { exports: { '.': { ...entry('src/index.ts'), default: './dist/main.js' } } },
      'package.json: . and src/index.ts do not match',
    ],
  ];
  for (const [name, manifest, expected] of manifests) {
    it(`finds ${name}`, () => {
      expect(packageProblems(fixture({}, manifest))).toContain(expected);
    });
  }

  it('finds an example that reaches past what is published', () => {
    const example: Workspace = {
      manifest: { name: '@holdfast/example-queue', dependencies: { '@holdfast/queue': '*' } },
      files: new Map([['main.mjs', "import '@holdfast/queue/src/heap.js';\nimport 'ioredis';"]]),
    };
    expect(exampleProblems(example, [fixture({})])).toEqual([
      'main.mjs: @holdfast/queue/src/heap.js is not exported',
      'main.mjs: ioredis is not declared',
    ]);
  });

  it('sees every way to import', () => {
    const text = `
      import a from 'a';
      import type { B } from 'b';
      export { c } from 'c';
      export type { D } from 'd';
      const e = await import('e');
      type F = import('f').F;
      const g = require('g'); // not: import 'h'
    `;
    expect(
      importsOf('x.ts', text).map(
        ({ specifier, typeOnly, dynamic }) =>
          specifier + (typeOnly ? ' type' : '') + (dynamic ? ' dynamic' : ''),
      ),
    ).toEqual(['a', 'b type', 'c', 'd type', 'e dynamic', 'f type', 'g dynamic']);
  });
});
