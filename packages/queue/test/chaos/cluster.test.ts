import { randomBytes } from 'node:crypto';
import { Cluster } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/logger.js';
import type { RedisClient } from '../../src/stores/redis/client.js';
import { RedisStore } from '../../src/stores/redis/store.js';
import { queueStoreConformance } from '../../src/testing.js';
import { frozenRedisStore } from '../stores/redis-harness.js';
import type { Address } from './support/address.js';
import { buildProgram, type Program } from './support/program.js';
import {
  type ClusterNode,
  canCluster,
  moveSlot,
  type RedisCluster,
  startRedisCluster,
} from './support/redis-cluster.js';
import { isReplicated } from './support/replication.js';
import { eventually, pause, scaled } from './support/scale.js';
import { survive } from './support/survive.js';

const TIMEOUT_MS = scaled(60_000, 300_000);

describe.skipIf(!canCluster())('on a Redis Cluster', () => {
  let cluster: RedisCluster;
  let client: Cluster;
  beforeAll(async () => {
    cluster = await startRedisCluster(false);
    client = cluster.client();
  });
  afterAll(async () => {
    client?.disconnect();
    await cluster?.stop();
  });

  // Not connected: only to ask what a store can do on it.
  const unconnected = new Cluster([], { lazyConnect: true }) as unknown as RedisClient;
  const parts = { source: unconnected, prefix: 'none', logger: silentLogger };

  // Every store has a prefix of its own, so that all nodes get some.
  queueStoreConformance(
    { describe, it, expect },
    {
      name: 'redis',
      features: new RedisStore(parts).traits.features ?? [],
      absent: {
        transactions: 'Redis has no transactions that a caller could join',
        handover: 'a node of a Cluster does not know who listens at the others',
      },
      create: () => frozenRedisStore(client),
    },
  );
});

describe.skipIf(!canCluster())('workers on a Redis Cluster', () => {
  let cluster: RedisCluster;
  let program: Program;
  beforeAll(async () => {
    [program, cluster] = await Promise.all([buildProgram('worker'), startRedisCluster(true)]);
  });
  afterAll(async () => {
    await cluster?.stop();
    await program?.remove();
  });

  /** A store of its own, and its node. */
  async function newPlace() {
    const prefix = `p-${randomBytes(4).toString('hex')}`;
    const base = `${prefix}:{${prefix}:queue}`;
    const owner = await cluster.ownerOf(base);
    const replica = cluster.replicas[cluster.primaries.indexOf(owner)];
    if (replica === undefined) throw new Error('it has no replica');
    const address: Address = { kind: 'cluster', ports: cluster.ports, prefix };
    return { address, base, owner, replica };
  }

  const settings = { tasks: scaled(600, 2_000), handlerMs: 30 };

  it(
    'go on while the slot of their store is moved to another node, key by key',
    async () => {
      const { address, base, owner } = await newPlace();
      const other = cluster.primaries.find((node) => node !== owner);
      if (other === undefined) throw new Error('there is no other node');
      const happen = async (): Promise<object> => {
        const slot = Number(await owner.direct.call('cluster', 'keyslot', base));
        const moved = await moveSlot(slot, owner, other, cluster.primaries, () => pause(30));
        expect(await other.direct.call('cluster', 'countkeysinslot', slot)).toBeGreaterThan(3);
        return { 'keys moved': moved };
      };
      await survive({ title: 'cluster, slot moved', program, address, ...settings, happen });
    },
    TIMEOUT_MS,
  );

  it(
    'go on after a fail-over that was asked for, and lose nothing',
    async () => {
      const { address, replica } = await newPlace();
      const happen = async (): Promise<object> => {
        await replica.direct.call('cluster', 'failover');
        await eventually('the replica has taken over', () => isPrimary(replica));
        return {};
      };
      await survive({ title: 'cluster, planned fail-over', program, address, ...settings, happen });
      await cluster.healthy();
    },
    TIMEOUT_MS,
  );

  it(
    'go on after a primary was killed, with everything that its replica had',
    async () => {
      const { address, owner, replica } = await newPlace();
      const [primary, heir] = (await isPrimary(owner)) ? [owner, replica] : [replica, owner];
      const settled = (): Promise<void> => eventually('replicated', () => isReplicated(primary));
      const happen = async (): Promise<object> => {
        await primary.server.kill();
        await eventually('the replica has taken over', () => isPrimary(heir));
        return {};
      };
      const title = 'cluster, primary killed';
      await survive({ title, program, address, ...settings, settled, happen, forgetful: true });
    },
    TIMEOUT_MS,
  );
});

async function isPrimary({ direct }: ClusterNode): Promise<boolean> {
  return String(await direct.info('replication')).includes('role:master');
}
