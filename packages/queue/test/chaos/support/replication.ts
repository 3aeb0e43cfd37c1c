import type { Redis } from 'ioredis';

/** Whether every replica of a primary has all that was written to it. There is at least one. */
export async function isReplicated({ direct }: { readonly direct: Redis }): Promise<boolean> {
  const info = String(await direct.info('replication'));
  const written = /master_repl_offset:(\d+)/.exec(info)?.[1];
  const had = [...info.matchAll(/^slave\d+:.*offset=(\d+)/gm)].map(([, offset]) => offset);
  return had.length > 0 && had.every((offset) => offset === written);
}
