import { execFileSync } from 'node:child_process';
import { Cluster, Redis } from 'ioredis';
import { freePort } from '../../../../../test-services/ports.js';
import { findRedis, startRedis } from '../../../../../test-services/redis.js';
import type { TestServer } from '../../../../../test-services/test-server.js';
import { eventually } from './scale.js';

const HOST = '127.0.0.1';
const SLOTS = 16_384;
/** After this long without an answer a node counts as failed, and its replica takes over. */
const NODE_TIMEOUT_MS = 1_500;

/** Whether a cluster can be started here: it takes the commands and settings of Redis 7. */
export function canCluster(): boolean {
  const program = findRedis();
  if (program === undefined) return false;
  const [, major] = /\bv=(\d+)/.exec(execFileSync(program, ['--version']).toString()) ?? [];
  return Number(major) >= 7;
}

/** A node of a cluster. */
export interface ClusterNode {
  readonly server: TestServer;
  readonly id: string;
  /** Talks to this node alone. */
  readonly direct: Redis;
}

/** A Redis Cluster of a test's own. */
export interface RedisCluster {
  /** The primaries, each with an equal part of the slots. */
  readonly primaries: readonly ClusterNode[];
  /** The n-th belongs to the n-th primary. */
  readonly replicas: readonly ClusterNode[];
  readonly ports: readonly number[];
  /** A client of the whole cluster. */
  client(): Cluster;
  /** The primary that has the slot of a key. */
  ownerOf(key: string): Promise<ClusterNode>;
  /** Waits until all nodes say that the cluster works. */
  healthy(): Promise<void>;
  stop(): Promise<void>;
}

async function startNode(): Promise<ClusterNode> {
  const server = await startRedis({
    args: [
      ...['--cluster-enabled', 'yes', '--cluster-port', String(await freePort())],
      ...['--cluster-node-timeout', String(NODE_TIMEOUT_MS), '--appendonly', 'yes'],
      ...['--cluster-replica-validity-factor', '0', '--repl-diskless-sync-delay', '0'],
    ],
  });
  const direct = new Redis(server.port, HOST, { retryStrategy: () => 200 });
  direct.on('error', () => undefined); // it is killed in some tests
  return { server, direct, id: String(await direct.call('cluster', 'myid')) };
}

async function introduce(nodes: readonly ClusterNode[]): Promise<void> {
  const [first, ...others] = nodes;
  if (first === undefined) return;
  const config = (await first.direct.call('config', 'get', 'cluster-port')) as string[];
  for (const { direct } of others)
    await direct.call('cluster', 'meet', HOST, first.server.port, Number(config[1]));
  await eventually('all nodes know each other', async () => {
    for (const { direct } of nodes) {
      const known = String(await direct.call('cluster', 'nodes'))
        .trim()
        .split('\n');
      if (known.length < nodes.length || known.some((line) => line.includes('handshake')))
        return false;
    }
    return true;
  });
}

/** Starts a cluster of three primaries, with a replica each when asked for. */
export async function startRedisCluster(withReplicas: boolean): Promise<RedisCluster> {
  const start = (): Promise<ClusterNode[]> => Promise.all([startNode(), startNode(), startNode()]);
  const [primaries, replicas] = [await start(), withReplicas ? await start() : []];
  const nodes = [...primaries, ...replicas];
  for (const [n, { direct }] of primaries.entries()) {
    const from = Math.ceil((n * SLOTS) / primaries.length);
    const to = Math.ceil(((n + 1) * SLOTS) / primaries.length) - 1;
    await direct.call('cluster', 'addslotsrange', from, to);
    await direct.call('cluster', 'set-config-epoch', n + 1);
  }
  await introduce(nodes);
  for (const [n, { direct }] of replicas.entries())
    await direct.call('cluster', 'replicate', primaries[n]?.id ?? '');
  const ports = nodes.map(({ server }) => server.port);
  const healthy = (): Promise<void> =>
    eventually('the cluster works', async () => {
      for (const { direct } of nodes) {
        const info = String(await direct.call('cluster', 'info'));
        const replication = String(await direct.info('replication'));
        if (!info.includes('cluster_state:ok')) return false;
        if (replication.includes('role:slave') && !replication.includes('master_link_status:up'))
          return false;
      }
      return true;
    });
  await healthy();
  return {
    primaries,
    replicas,
    ports,
    healthy,
    client: () =>
      new Cluster(
        ports.map((port) => ({ host: HOST, port })),
        { clusterRetryStrategy: () => 100 },
      ),
    ownerOf: async (key) => {
      const [first] = nodes;
      const slot = Number(await first?.direct.call('cluster', 'keyslot', key));
      const owner = primaries[Math.floor((slot * primaries.length) / SLOTS)];
      if (owner === undefined) throw new Error(`nobody has slot ${slot}`);
      return owner;
    },
    stop: async () => {
      for (const { direct } of nodes) direct.disconnect();
      await Promise.all(nodes.map(({ server }) => server.stop()));
    },
  };
}

/** Moves a slot with its keys from one node to another, `step` keys at a time, as `redis-cli --cluster reshard` does. */
export async function moveSlot(
  slot: number,
  from: ClusterNode,
  to: ClusterNode,
  nodes: readonly ClusterNode[],
  between: () => Promise<void>,
): Promise<number> {
  await to.direct.call('cluster', 'setslot', slot, 'importing', from.id);
  await from.direct.call('cluster', 'setslot', slot, 'migrating', to.id);
  await between();
  let moved = 0;
  for (;;) {
    const keys = (await from.direct.call('cluster', 'getkeysinslot', slot, 2)) as string[];
    if (keys.length === 0) break;
    await from.direct.call('migrate', HOST, to.server.port, '', 0, 5_000, 'keys', ...keys);
    moved += keys.length;
    await between();
  }
  for (const { direct } of [to, from, ...nodes])
    await direct.call('cluster', 'setslot', slot, 'node', to.id);
  return moved;
}
