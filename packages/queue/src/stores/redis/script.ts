import { createHash } from 'node:crypto';

/** A Lua script and the name the server knows it by once it has seen it. */
export interface Script {
  readonly source: string;
  readonly sha: string;
}

/** Makes a script of its text. */
export function script(source: string): Script {
  return { source, sha: createHash('sha1').update(source).digest('hex') };
}
