import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { buildTemplate, findTemplate, templateCache } from '../../src/pglite/template.js';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** The package as other processes can load it: compiled from the source as it is now, never an older build. */
export interface BuiltPackage {
  /** URL of the entry. */
  readonly url: string;
  remove(): void;
}

/** Compiles the package into a folder of its own. */
export async function buildPackage(): Promise<BuiltPackage> {
  if (findTemplate() === undefined) await buildTemplate(templateCache());
  const folder = join(root, 'node_modules', '.cache', `test-${process.pid}`);
  const tsup = join(root, '..', '..', 'node_modules', 'tsup', 'dist', 'cli-default.js');
  const output = join(folder, 'dist');
  execFileSync(process.execPath, [tsup, '--config', '../../tsup.config.ts', '--out-dir', output], {
    cwd: root,
  });
  copyFileSync(join(root, 'package.json'), join(folder, 'package.json'));
  const template = findTemplate();
  if (template !== undefined && existsSync(template)) {
    copyFileSync(template, join(output, basename(template)));
  }
  return {
    url: pathToFileURL(join(output, 'index.js')).href,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
