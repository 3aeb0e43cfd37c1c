import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findRedis, startRedis } from '../../../../test-services/redis.js';
import type { Address } from './support/address.js';
import { buildProgram, type Program } from './support/program.js';
import { type SentinelPair, startSentinelPair } from './support/redis-sentinel.js';
import { isSoak, pause, scaled } from './support/scale.js';
import { survive } from './support/survive.js';

const TIMEOUT_MS = scaled(90_000, 300_000);
const RESTARTS = scaled(2, 12);
const SETTINGS = { tasks: scaled(600, 2_500), handlerMs: 40 };

describe.skipIf(findRedis() === undefined)('workers on a Redis that goes away', () => {
  let program: Program;
  let pair: SentinelPair | undefined;
  beforeAll(async () => {
    program = await buildProgram('worker');
  });
  afterAll(async () => {
    await pair?.stop();
    await program?.remove();
  });

  async function startPair(): Promise<SentinelPair> {
    await pair?.stop();
    pair = await startSentinelPair();
    return pair;
  }

  it(
    'lose nothing and complete nothing twice when it is killed and started again with what it wrote',
    async () => {
      const server = await startRedis({ durable: true });
      const address: Address = { kind: 'redis', url: server.url };
      const happen = async (): Promise<object> => {
        for (let n = 0; n < RESTARTS; n++) {
          await pause(200 + Math.random() * 300);
          await server.restart();
        }
        return { restarts: RESTARTS };
      };
      await survive({ title: 'Redis, restarts', program, address, ...SETTINGS, happen });
      await server.stop();
    },
    TIMEOUT_MS,
  );

  it(
    'lose nothing and do nothing twice when it fails over while writes stand still',
    async () => {
      const { address, sentinel, primary, promoted, replicated } = await startPair();
      const happen = async (): Promise<object> => {
        const former = await primary();
        await former.direct.call('client', 'pause', 5_000, 'write');
        await replicated();
        await sentinel.call('sentinel', 'failover', 'main');
        await promoted(former);
        return {};
      };
      const title = 'Sentinel, planned fail-over';
      await survive({ title, program, address, ...SETTINGS, happen });
    },
    TIMEOUT_MS,
  );

  it(
    'go on with what the replica had when the primary was killed',
    async () => {
      const { address, primary, promoted, replicated } = await startPair();
      const happen = async (): Promise<object> => {
        const former = await primary();
        await former.server.kill();
        await promoted(former);
        return {};
      };
      const trouble = { title: 'Sentinel, primary killed', program, address, ...SETTINGS };
      await survive({ ...trouble, settled: replicated, happen, forgetful: true });
    },
    TIMEOUT_MS,
  );

  // Half a minute: the Sentinel takes its time to tell who comes back.
  it.runIf(isSoak)(
    'go on with what the replica had when the primary was frozen, and comes back as a replica',
    async () => {
      const { address, primary, promoted, replicated } = await startPair();
      const happen = async (): Promise<object> => {
        const former = await primary();
        former.server.pause();
        await promoted(former);
        await pause(500);
        former.server.resume(); // it takes itself for the primary, until the Sentinel tells it
        await expect
          .poll(async () => String(await former.direct.info('replication')), { timeout: 30_000 })
          .toContain('role:slave');
        return {};
      };
      const trouble = { title: 'Sentinel, primary frozen', program, address, ...SETTINGS };
      await survive({ ...trouble, settled: replicated, happen, forgetful: true });
    },
    TIMEOUT_MS,
  );
});
