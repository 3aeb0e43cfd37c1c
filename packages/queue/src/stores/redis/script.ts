import { createHash } from 'node:crypto';

/** A Lua script and the name the server knows it by once it has seen it. */
export interface Script {
  readonly source: string;
  readonly sha: string;
  /** What runs in its place when the server's memory is full; absent where it is refused then. */
  readonly whenFull?: Script;
}

/**
 * Makes a script of its text.
 *
 * @param isFreeing - runs whatever memory is in use
 */
export function script(source: string, isFreeing = false): Script {
  const made = { source, sha: createHash('sha1').update(source).digest('hex') };
  // Redis asks for memory before the first write of a script, never after it, so that none ends half-way. This one
  // deletes a key that does not exist, which takes no memory.
  return isFreeing ? { ...made, whenFull: script(`redis.call('DEL', KEYS[2])\n${source}`) } : made;
}
