import { existsSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

const EXTENSION = process.platform === 'win32' ? '.exe' : '';

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false; // not there, or in a folder of the PATH that this user may not read
  }
}

/** Where the named program is: on the PATH, or in a folder for servers that many users do not have on it. */
export function findProgram(name: string): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  return [...folders, '/usr/sbin', '/usr/local/sbin', '/usr/local/bin', '/opt/homebrew/bin']
    .map((folder) => join(folder, name + EXTENSION))
    .find(isFile);
}

/** Whether the services are hidden, to see what a machine without them sees. */
function areHidden(): boolean {
  return process.env.HOLDFAST_TEST_SERVICES === 'none';
}

/** The first of the named servers that is installed. */
export function findServer(...names: readonly string[]): string | undefined {
  if (areHidden()) return undefined;
  return names.map(findProgram).find((path) => path !== undefined);
}

/** Folders of installed PostgreSQL versions that are not on the PATH, newest first. */
function versionedFolders(): string[] {
  const found = ['/usr/lib/postgresql', '/opt/homebrew/opt', '/usr/local/opt'].flatMap((parent) =>
    existsSync(parent)
      ? readdirSync(parent)
          .filter((name) => /^(postgresql@)?\d+$/.test(name))
          .map((name) => ({ version: Number(name.split('@').at(-1)), path: join(parent, name) }))
      : [],
  );
  return found.sort((a, b) => b.version - a.version).map(({ path }) => join(path, 'bin'));
}

/** The folder that holds both `initdb` and `postgres`. */
export function findPostgresFolder(): string | undefined {
  if (areHidden()) return undefined;
  const onPath = findProgram('postgres');
  const folders = onPath ? [dirname(realpathSync(onPath)), dirname(onPath)] : [];
  return [...folders, ...versionedFolders()].find(
    (folder) =>
      isFile(join(folder, `initdb${EXTENSION}`)) && isFile(join(folder, `postgres${EXTENSION}`)),
  );
}
