import { SqlError } from './errors.js';

/** Loads an optional peer dependency, or says what to install. */
export async function loadPeer<T>(
  name: string,
  range: string,
  what: string,
  load: () => Promise<T>,
): Promise<T> {
  try {
    return await load();
  } catch (error) {
    throw new SqlError(
      'SQL_PEER_MISSING',
      `Cannot load \`${name}\`, which ${what} needs. Install it: npm install ${name}@${range}`,
      { cause: error, details: { package: name, range } },
    );
  }
}
