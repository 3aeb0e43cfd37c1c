import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';

/** The parts of a package.json that the rules read. */
export interface Manifest {
  readonly name: string;
  readonly exports?: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { optional?: boolean }>>;
}

/** A package or an example: what it declares, and the text of its sources by path inside it. */
export interface Workspace {
  readonly manifest: Manifest;
  readonly files: ReadonlyMap<string, string>;
}

const SOURCE = /\.(ts|mts|mjs|js)$/;
const SKIPPED = new Set(['node_modules', 'dist', 'test', '.turbo']);

function sourcesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return SKIPPED.has(entry.name) ? [] : sourcesBelow(path);
    return SOURCE.test(entry.name) && !entry.name.endsWith('.config.ts') ? [path] : [];
  });
}

/** Reads every workspace in a folder (`packages`, `examples`) of the repository. */
export function readWorkspaces(parent: string): Workspace[] {
  return readdirSync(parent)
    .map((name) => join(parent, name))
    .filter((folder) => existsSync(join(folder, 'package.json')))
    .map((folder) => ({
      manifest: JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')),
      files: new Map(
        sourcesBelow(folder).map((path) => [
          relative(folder, path).split(sep).join('/'),
          readFileSync(path, 'utf8'),
        ]),
      ),
    }));
}
