import { describe, expect, it } from 'vitest';
import { ConfigError, readConfig } from '../src/config.js';

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const KEY = 'a-key-of-some-length';

function problemsOf(env: Record<string, string>): ConfigError {
  try {
    readConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('expected a ConfigError');
}

describe('readConfig', () => {
  it('needs nothing: an embedded database on the loopback address', () => {
    expect(readConfig({})).toEqual({
      port: 8000,
      host: '127.0.0.1',
      role: 'all',
      dataDir: '.data',
      databaseUrl: undefined,
      databasePoolSize: 15,
      redisUrl: undefined,
      natsUrl: undefined,
      logLevel: 'info',
      environment: 'development',
      apiKeys: [],
      webhookSecrets: [],
      webhookAllowNetworks: [],
      operatorWebhookUrl: undefined,
      bodyLimit: 65_536,
      shutdownDeadline: '20s',
      shutdownDrainDelay: '0s',
    });
  });

  it('reads every variable', () => {
    const config = readConfig({
      PORT: '0',
      HOST: '0.0.0.0',
      ROLE: 'worker',
      DATA_DIR: '/var/lib/holdfast',
      DATABASE_URL: 'postgres://u:p@db/x',
      DATABASE_POOL_SIZE: '5',
      REDIS_URL: 'redis://cache:6379',
      LOG_LEVEL: 'CRITICAL',
      ENVIRONMENT: 'staging',
      API_KEYS: `${KEY}, ${KEY}2`,
      WEBHOOK_SECRET: `${SECRET},${SECRET}`,
      WEBHOOK_ALLOW_NETWORKS: '127.0.0.0/8, fd00::/8',
      OPERATOR_WEBHOOK_URL: 'https://operators.example/hook',
      BODY_LIMIT: '1048576',
      SHUTDOWN_DEADLINE: '500ms',
    });
    expect(config.port).toBe(0);
    expect(config.role).toBe('worker');
    expect(config.logLevel).toBe('fatal');
    expect(config.apiKeys).toEqual([KEY, `${KEY}2`]);
    expect(config.webhookSecrets).toHaveLength(2);
    expect(config.webhookAllowNetworks).toEqual(['127.0.0.0/8', 'fd00::/8']);
  });

  it('takes an empty variable for one that is not set', () => {
    expect(readConfig({ PORT: '', DATABASE_URL: '  ' }).port).toBe(8000);
  });

  it('names every problem at once, with the rule and what was received', () => {
    const error = problemsOf({
      PORT: '80x',
      ROLE: 'boss',
      LOG_LEVEL: 'loud',
      REDIS_URL: 'http://cache',
      WEBHOOK_ALLOW_NETWORKS: '10.0.0.0',
      BODY_LIMIT: '99999999',
      SHUTDOWN_DEADLINE: '20',
      HOST: '0.0.0.0',
    });
    expect(error.problems.map((problem) => problem.variable).sort()).toEqual([
      'API_KEYS',
      'BODY_LIMIT',
      'LOG_LEVEL',
      'PORT',
      'REDIS_URL',
      'ROLE',
      'SHUTDOWN_DEADLINE',
      'WEBHOOK_ALLOW_NETWORKS',
    ]);
    expect(error.message).toContain('PORT must be a whole number from 0 to 65535 (received "80x")');
    expect(error.message).toContain('8 problems');
  });

  it('never shows a secret', () => {
    const error = problemsOf({
      WEBHOOK_SECRET: 'whsec_hunter2',
      API_KEYS: 'hunter2',
      DATABASE_URL: 'mysql://u:hunter2@db/x',
    });
    expect(error.problems).toHaveLength(3);
    expect(error.message).not.toContain('hunter2');
  });

  it.each([
    ['a database server without a shared webhook secret', { DATABASE_URL: 'postgres://db/x' }],
    ['an embedded database shared by two processes', { ROLE: 'api' }],
    ['an address that others reach without keys', { HOST: '192.168.1.5' }],
    ['a weak key', { API_KEYS: 'short' }],
    ['a webhook secret that is too short', { WEBHOOK_SECRET: 'whsec_c2hvcnQ=' }],
  ])('refuses %s', (_name, env) => {
    expect(() => readConfig(env)).toThrow(ConfigError);
  });
});
