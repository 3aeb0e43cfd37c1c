import { openDatabase } from '@holdfast/sql';
import { expect, it } from 'vitest';
import { findPostgres, startPostgres } from '../../../../test-services/postgres.js';
import { postgresStore } from '../../src/stores/postgres.js';
import { Kit } from '../../src/testing.js';

const ENQUEUERS = ['ignore', 'replace', 'merge', 'ignore', 'replace'] as const;
const ENQUEUES = 300;

it.skipIf(findPostgres() === undefined)(
  'many that enqueue, claim, settle, redrive and cancel together never make two live tasks with one key',
  async () => {
    const server = await startPostgres();
    const db = await openDatabase({ url: server.url, pool: { max: 12 } });
    const store = postgresStore(db, { schema: 'keys' });
    await store.migrate();
    const kit = new Kit({ store, advance: async () => undefined, close: async () => undefined });
    const outcomes = new Map<string, number>();
    let most = 0;
    let over = false;

    const enqueuers = ENQUEUERS.map(async (mode) => {
      for (let n = 0; n < ENQUEUES; n++) {
        const when = { delayMs: n % 5 === 0 ? 5 : 0 };
        const task = kit.task({ key: { value: 'k', ttlMs: 0, mode }, when });
        for (const { outcome } of await store.enqueue([task]))
          outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      }
    });
    const again = async (step: (n: number) => Promise<unknown>): Promise<void> => {
      for (let n = 0; !over; n++) await step(n);
    };
    const others = [
      ...['v', 'w', 'x'].map((worker) =>
        again(async (n) => {
          for (const task of await kit.claim(worker)) {
            const settle = [kit.completed(task), kit.dead(task), kit.retry(task)][n % 3];
            if (settle) await kit.settle(worker, settle);
          }
        }),
      ),
      again(() => store.alter({ queue: 'q', states: ['dead'] }, { kind: 'redrive' }, 3)),
      again(() => store.alter({ queue: 'q' }, { kind: 'cancel', running: true }, 1)),
      again(async () => {
        const { rows } = await db.query<{ live: number }>(
          'select count(*)::int as live from keys.queue_task',
        );
        most = Math.max(most, rows[0]?.live ?? 0);
      }),
    ];
    await Promise.all(enqueuers);
    over = true;
    await Promise.all(others);

    expect(most).toBe(1);
    expect(outcomes.get('added')).toBeGreaterThan(100);
    expect([...outcomes.keys()].sort()).toEqual(['added', 'duplicate', 'merged', 'replaced']);
    await store.close();
    await db.close();
    await server.stop();
  },
  60_000,
);
