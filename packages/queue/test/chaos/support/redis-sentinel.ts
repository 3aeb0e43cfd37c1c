import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { freePort } from '../../../../../test-services/ports.js';
import { findRedis, startRedis } from '../../../../../test-services/redis.js';
import { launch, temporaryFolder } from '../../../../../test-services/server.js';
import type { TestServer } from '../../../../../test-services/test-server.js';
import type { Address } from './address.js';
import { isReplicated } from './replication.js';
import { eventually } from './scale.js';

const HOST = '127.0.0.1';
const NAME = 'main';
/** After this long without an answer the primary counts as down. */
const DOWN_MS = 500;

/** One of the two servers. */
interface SentinelNode {
  readonly server: TestServer;
  readonly direct: Redis;
}

/** A primary and a replica that a Sentinel watches. */
export interface SentinelPair {
  readonly address: Address;
  readonly nodes: readonly [SentinelNode, SentinelNode];
  /** Talks to the Sentinel. */
  readonly sentinel: Redis;
  /** Which of the two the Sentinel calls the primary. */
  primary(): Promise<SentinelNode>;
  /** Waits until the replica has all that the primary has. */
  replicated(): Promise<void>;
  /** Waits until the other one is the primary. */
  promoted(former: SentinelNode): Promise<void>;
  stop(): Promise<void>;
}

async function startNode(): Promise<SentinelNode> {
  const server = await startRedis({
    args: ['--appendonly', 'yes', '--repl-diskless-sync-delay', '0'],
  });
  const direct = new Redis(server.port, HOST, { retryStrategy: () => 200 });
  direct.on('error', () => undefined); // it is killed
  return { server, direct };
}

async function startSentinel(primary: TestServer) {
  const folder = temporaryFolder('sentinel');
  const port = await freePort();
  const config = join(folder.path, 'sentinel.conf');
  await writeFile(
    config,
    [
      `port ${port}`,
      `bind ${HOST}`,
      `dir ${folder.path}`,
      `sentinel monitor ${NAME} ${HOST} ${primary.port} 1`,
      `sentinel down-after-milliseconds ${NAME} ${DOWN_MS}`,
      `sentinel failover-timeout ${NAME} 5000`,
      '',
    ].join('\n'),
  );
  const process = await launch({ argv: [findRedis() ?? '', config, '--sentinel'] });
  await process.until((log) => log.includes('+monitor'));
  return { port, process, folder };
}

/** Starts a primary, its replica and a Sentinel. */
export async function startSentinelPair(): Promise<SentinelPair> {
  const nodes = [await startNode(), await startNode()] as const;
  await nodes[1].direct.call('replicaof', HOST, nodes[0].server.port);
  await eventually('there is a replica', () => isReplicated(nodes[0]));
  const { port, process, folder } = await startSentinel(nodes[0].server);
  const sentinel = new Redis(port, HOST);
  const primary = async (): Promise<SentinelNode> => {
    const place = (await sentinel.call('sentinel', 'get-master-addr-by-name', NAME)) as string[];
    const found = nodes.find(({ server }) => String(server.port) === place[1]);
    if (found === undefined) throw new Error(`no node at ${place}`);
    return found;
  };
  await eventually('the Sentinel knows the replica', async () =>
    String(await sentinel.info('sentinel')).includes('slaves=1'),
  );
  return {
    address: { kind: 'sentinel', ports: [port], name: NAME },
    nodes,
    sentinel,
    primary,
    replicated: async () => {
      const node = await primary();
      await eventually('the replica has everything', () => isReplicated(node));
    },
    promoted: (former) =>
      eventually('the other one is the primary', async () => {
        const node = await primary();
        if (node === former) return false; // which may not even answer
        return String(await node.direct.info('replication')).includes('role:master');
      }),
    stop: async () => {
      sentinel.disconnect();
      for (const { direct } of nodes) direct.disconnect();
      await process.stop();
      folder.remove();
      for (const { server } of nodes) {
        server.resume();
        await server.stop();
      }
    },
  };
}
