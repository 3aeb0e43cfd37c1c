import { QueueError } from '../../errors.js';
import type { Logger } from '../../logger.js';
import type { RedisConnection } from './connection.js';
import { script } from './script.js';

/**
 * Looks at how the server keeps what it is given, and says in the log what it may lose. Whether an acknowledged
 * enqueue survives the death of the machine.
 */
export async function checkServer(
  connection: RedisConnection,
  logger: Logger,
): Promise<'async' | 'commit'> {
  const module = 'queue';
  const settings = await readSettings(connection);
  if (settings === undefined) {
    logger.info({ module }, 'Redis does not tell its settings: its persistence is unknown');
    return 'async';
  }
  const policy = settings.get('maxmemory-policy');
  if (policy !== undefined && policy !== 'noeviction') {
    const message =
      'Redis may evict tasks when its memory is full: set maxmemory-policy noeviction';
    logger.warn({ module, 'maxmemory-policy': policy }, message);
  }
  if (settings.get('appendonly') !== 'yes') {
    const message = 'Redis loses the newest tasks when it crashes: set appendonly yes';
    logger.warn({ module, appendonly: settings.get('appendonly') ?? 'unknown' }, message);
    return 'async';
  }
  return settings.get('appendfsync') === 'always' ? 'commit' : 'async';
}

/** Undefined where the server does not allow to ask. */
async function readSettings(connection: RedisConnection): Promise<Map<string, string> | undefined> {
  const settings = new Map<string, string>();
  try {
    for (const name of ['appendonly', 'appendfsync', 'maxmemory-policy']) {
      const reply = (await connection.call('config', ['get', name])) as string[];
      if (reply[1] !== undefined) settings.set(name, String(reply[1]));
    }
  } catch {
    return undefined;
  }
  return settings;
}

/**
 * What is kept under a prefix, and how. Scripts travel with the process that calls them, so processes of two versions
 * of this library work on the same keys: a version that keeps something in another way gives it another number.
 */
const LAYOUT = '1';

/** The layout of a prefix, which is ours where there was none. Also when memory is full: workers are needed there most. */
const CLAIM_LAYOUT = script(
  `
local key = KEYS[1] .. ':layout'
local found = redis.call('GET', key)
if found then return found end
redis.call('SET', key, ARGV[1])
return ARGV[1]
`,
  true,
);

/** @throws QueueError `QUEUE_UNSUPPORTED` where a later version of this library has changed how tasks are kept */
export async function checkLayout(connection: RedisConnection, base: string): Promise<void> {
  const key = `${base}:layout`;
  const found = String(await connection.run(CLAIM_LAYOUT, base, [LAYOUT]));
  if (found === LAYOUT) return;
  const text = `The tasks at ${base} are kept in layout ${found}, and this version knows layout ${LAYOUT} only`;
  throw new QueueError('QUEUE_UNSUPPORTED', `${text}: update @holdfast/queue`, {
    details: { key, found, known: LAYOUT },
  });
}
