import { registerHooks } from 'node:module';

// The servers are those of the tests, whose source is TypeScript that imports its siblings by the names of the output.
registerHooks({
  resolve(specifier, context, next) {
    const isSibling = specifier.startsWith('.') && context.parentURL?.includes('/test-services/');
    return next(isSibling ? specifier.replace(/\.js$/, '.ts') : specifier, context);
  },
});

/** Redis as it comes: snapshots now and then, no log of commands. */
const STOCK = ['--save', '3600', '1', '300', '100', '60', '10000'];
/** Redis with its log of commands, written to the disk every second. */
const LOGGED = ['--appendonly', 'yes', '--appendfsync', 'everysec'];

async function redisSettings(url) {
  const { Redis } = await import('ioredis');
  const client = new Redis(url);
  const [, , version] = /redis_version:((\S+))/.exec(await client.info('server')) ?? [];
  const [, appendonly] = await client.config('GET', 'appendonly');
  const [, appendfsync] = await client.config('GET', 'appendfsync');
  const [, save] = await client.config('GET', 'save');
  client.disconnect();
  const log = appendonly === 'yes' ? `appendfsync ${appendfsync}` : 'none';
  return { version, text: `log of commands: ${log}; snapshots: ${save || 'none'}` };
}

async function postgresSettings(url) {
  const { default: pg } = await import('pg');
  const client = new pg.Client(url);
  await client.connect();
  const show = async (name) => (await client.query(`show ${name}`)).rows[0][name];
  const version = await show('server_version');
  const names = [
    'fsync',
    'synchronous_commit',
    'full_page_writes',
    'shared_buffers',
    'max_wal_size',
  ];
  const values = [];
  for (const name of names) values.push(`${name}=${await show(name)}`);
  await client.end();
  return { version, text: values.join(', ') };
}

const STARTERS = {
  /** @returns Redis as it comes, and Redis with its log. */
  async redis() {
    const { findRedis, startRedis } = await import('../../test-services/redis.ts');
    if (!findRedis()) throw new Error('redis-server is not installed');
    const stock = await startRedis({ args: STOCK });
    const logged = await startRedis({ args: LOGGED });
    const facts = [
      { name: 'Redis, as it comes', ...(await redisSettings(stock.url)) },
      { name: 'Redis, append-only file', ...(await redisSettings(logged.url)) },
    ];
    return { value: { stock: stock.url, logged: logged.url }, servers: [stock, logged], facts };
  },
  async postgres() {
    const { findPostgres, startPostgres } = await import('../../test-services/postgres.ts');
    if (!findPostgres()) throw new Error('PostgreSQL is not installed');
    const server = await startPostgres({ durable: true });
    const facts = [{ name: 'PostgreSQL', ...(await postgresSettings(server.url)) }];
    return { value: server.url, servers: [server], facts };
  },
};

/** Starts the services a suite asks for: `{ redis: { stock, logged }, postgres, facts, stop() }`, values are URLs. */
export async function startServices(names = []) {
  const services = { facts: [] };
  const servers = [];
  services.stop = async () => {
    await Promise.all(servers.map((server) => server.stop()));
  };
  for (const name of names) {
    const started = await STARTERS[name]();
    services[name] = started.value;
    services.facts.push(...started.facts);
    servers.push(...started.servers);
  }
  return services;
}
