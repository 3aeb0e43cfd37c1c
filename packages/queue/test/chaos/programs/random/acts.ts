import type { EnqueueItem, FlowItem, MissedRuns } from '../../../../src/index.js';
import {
  BATCHED,
  CALM_PARENT,
  CAPPED,
  CHILD,
  FREE,
  GATHER,
  GROUP_RATED,
  groupOf,
  HELD,
  KEYED,
  MAIN,
  OF_RATED,
  PARENT,
  QUEUE_CONCURRENCY,
  QUEUE_RATE,
  RATED,
  SIDE,
  STRICT,
  TICK,
  WAITING,
  WINDOW_MS,
  WINDOWED,
} from '../../support/rules.js';
import { any, type Kit, pause, say, upTo } from './parts.js';

/** What a process may do. */
export type Act = () => Promise<unknown>;

const PLAIN = [...CAPPED, ...CAPPED, GROUP_RATED, FREE, BATCHED, OF_RATED];
const SCHEDULES = ['a', 'b', 'c'] as const;
const MISSED: readonly MissedRuns[] = [
  { policy: 'once' },
  { policy: 'all', max: 5 },
  { policy: 'skip', graceMs: 200 },
];
const DAY_MS = 86_400_000;
/** Beyond this many waiting tasks nobody adds more. */
const ENOUGH = 300;

const times = (count: number, act: Act): Act[] => Array.from({ length: count }, () => act);

/** Everything that a process does to its queues at random. */
export function actsOf(kit: Kit): readonly Act[] {
  const { store, number } = kit;
  const seen: string[] = [];
  return [
    ...times(8, () => addPlain(kit, seen)),
    ...times(2, () => addStrict(kit, STRICT, 'skip', seen)),
    ...times(2, () => addStrict(kit, HELD, 'block', seen)),
    ...times(2, () => addKeyed(kit)),
    () => addWindowed(kit),
    () => addWaiting(kit),
    () => gather(kit),
    ...times(2, () => addFlow(kit, seen)),
    () => addBatch(kit, seen),
    ...scheduling(kit),
    ...changing(kit, seen),
    // What holds a group is redriven or taken away sooner or later.
    () => store.alter({ queue: MAIN, group: groupOf(HELD, number) }, { kind: 'redrive' }, 1),
    ...controlling(kit),
  ];
}

async function isFull({ store }: Kit): Promise<boolean> {
  const all = await store.stats([MAIN, RATED, SIDE]);
  return all.some(({ counts }) => counts.ready + counts.scheduled > ENOUGH);
}

async function enqueue(
  { main, rated }: Kit,
  items: readonly EnqueueItem[],
  seen: string[],
): Promise<void> {
  const made = await (items[0]?.task.name === OF_RATED ? rated : main).enqueueMany(items);
  for (const { id, outcome } of made) if (outcome === 'added') seen.push(id);
}

async function addPlain(kit: Kit, seen: string[]): Promise<void> {
  if (await isFull(kit)) return;
  const name = any(PLAIN);
  const isGrouped = CAPPED.includes(name) || name === GROUP_RATED;
  const items = Array.from({ length: 1 + upTo(6) }, (_, n) => ({
    task: kit.task(name),
    payload: { n },
    ...(isGrouped ? { group: name } : {}),
    ...(Math.random() < 0.2 ? { delay: upTo(400) } : {}),
    ...(name === FREE ? { priority: upTo(3) } : {}),
  }));
  await enqueue(kit, items, seen);
}

async function addStrict(
  kit: Kit,
  name: string,
  strict: 'skip' | 'block',
  seen: string[],
): Promise<void> {
  if (await isFull(kit)) return;
  const group = { key: groupOf(name, kit.number), strict };
  const items = Array.from({ length: 1 + upTo(3) }, (_, n) => ({
    task: kit.task(name),
    payload: { n },
    group,
  }));
  await enqueue(kit, items, seen);
}

async function addKeyed({ main, task }: Kit): Promise<void> {
  const name = any(KEYED);
  await main.enqueue(task(name), null, {
    idempotencyKey: name,
    idempotencyWindow: 'live',
    onDuplicate: any(['ignore', 'replace', 'merge'] as const),
    freeKeyOnFailure: Math.random() < 0.5,
    ...(Math.random() < 0.3 ? { delay: upTo(400) } : {}),
  });
}

async function addWindowed({ main, task }: Kit): Promise<void> {
  const name = any(WINDOWED);
  await main.enqueue(task(name), null, { idempotencyKey: name, idempotencyWindow: WINDOW_MS });
}

async function addWaiting({ main, task }: Kit): Promise<void> {
  const name = any(WAITING);
  await main.enqueue(task(name), null, {
    idempotencyKey: name,
    idempotencyWindow: 'waiting',
    ...(Math.random() < 0.5 ? { delay: upTo(300) } : {}),
  });
}

let tokens = 0;

/** Adds a token to the task that waits, or makes one; tells what became of it. */
async function gather({ main, task, number }: Kit): Promise<void> {
  const token = `${number}-${tokens++}`;
  const { outcome } = await main.enqueue(task(GATHER), [token], {
    idempotencyKey: GATHER,
    idempotencyWindow: 'live',
    onDuplicate: 'merge',
    delay: upTo(200),
  });
  say('token', token, outcome);
}

async function addFlow(kit: Kit, seen: string[]): Promise<void> {
  if (await isFull(kit)) return;
  const { main, task } = kit;
  const refs = Array.from({ length: 1 + upTo(3) }, (_, n) => `${n}`);
  const children: FlowItem[] = refs.map((ref) => ({ ref, task: task(CHILD), payload: null }));
  const [name, onChildFailure] = any([
    [PARENT, 'fail'],
    [CALM_PARENT, 'ignore'],
  ] as const);
  const parent = { ref: 'p', task: task(name), payload: null, after: refs, onChildFailure };
  // Now and then the parent is a child in its turn.
  const last = { task: task(PARENT), payload: null, after: ['p', refs[0] ?? ''] };
  const items = [...children, parent, ...(Math.random() < 0.3 ? [last] : [])];
  for (const { id } of await main.enqueueFlow(items)) seen.push(id);
}

async function addBatch(kit: Kit, seen: string[]): Promise<void> {
  if (await isFull(kit)) return;
  const { main, task } = kit;
  const items = Array.from({ length: 1 + upTo(5) }, (_, n) => ({
    task: task(BATCHED),
    payload: n,
  }));
  const made = await main.enqueueBatch(items, { task: task(CALM_PARENT), payload: null });
  for (const { id } of made) seen.push(id);
}

function scheduling({ store }: Kit): Act[] {
  const ref = () => ({ queue: MAIN, id: any(SCHEDULES) });
  const put: Act = async () =>
    store.schedule?.([
      {
        kind: 'upsert',
        schedule: {
          ...ref(),
          timing: { everyMs: any([250, 400]), anchorMs: 0 },
          missed: any(MISSED),
          task: {
            name: TICK,
            payload: 'null',
            headers: {},
            priority: 0,
            maxAttempts: 4,
            keepCompletedMs: DAY_MS,
            keepDeadMs: DAY_MS,
          },
        },
      },
    ]);
  const change: Act = async () =>
    store.schedule?.([{ kind: any(['remove', 'pause', 'resume', 'resume'] as const), ...ref() }]);
  return [put, change];
}

function changing({ store }: Kit, seen: string[]): Act[] {
  const redriven = [FREE, BATCHED, CHILD, PARENT, CALM_PARENT, ...CAPPED, ...KEYED];
  return [
    () => store.alter({ ids: [any(seen) ?? ''] }, { kind: 'cancel', running: true }, 1),
    async () => {
      const id = seen[upTo(seen.length)];
      if (id !== undefined) await store.alter({ ids: [id] }, { kind: 'remove' }, 1);
    },
    () => store.alter({ queue: MAIN, name: any(redriven) }, { kind: 'redrive' }, 3),
    () => store.alter({ queue: MAIN, name: FREE }, { kind: 'redrive', everyMs: 50 }, 5),
    async () => store.edit?.({ queue: MAIN, name: FREE }, { kind: 'reprioritise', priority: 1 }, 5),
    async () => store.edit?.({ queue: MAIN, name: any(CAPPED) }, { kind: 'promote' }, 3),
    async () => {
      const [from, to] = any([
        [MAIN, SIDE],
        [SIDE, MAIN],
      ] as const);
      await store.edit?.({ queue: from, name: FREE }, { kind: 'move', queue: to }, 3);
    },
  ];
}

function controlling({ store }: Kit): Act[] {
  return [
    async () => {
      if (Math.random() < 0.8) return;
      await store.control(MAIN, { paused: true });
      await pause(upTo(60));
      await store.control(MAIN, { paused: false });
    },
    () => store.control(MAIN, { concurrency: QUEUE_CONCURRENCY - upTo(4) }),
    () => store.control(RATED, { rate: { ...QUEUE_RATE, max: QUEUE_RATE.max - upTo(5) } }),
  ];
}
