/** The replies of a pipeline, in the order of its commands. */
export type PipelineReplies = [error: Error | null, result: unknown][] | null;

/**
 * What is used of an `ioredis` client: `Redis` of ioredis 5.4 and later fits as it is, also from another copy of the
 * package.
 */
export interface RedisClient {
  /** `'ready'` when commands are taken. */
  readonly status: string;
  pipeline(commands: unknown[][]): { exec(): Promise<PipelineReplies> };
  mgetBuffer(keys: string[]): Promise<(Buffer | null)[]>;
  connect(): Promise<unknown>;
  duplicate(): RedisClient;
  subscribe(...channels: string[]): Promise<unknown>;
  unsubscribe(...channels: string[]): Promise<unknown>;
  on(event: string, listener: (...args: string[]) => void): unknown;
  off(event: string, listener: (...args: string[]) => void): unknown;
  ping(): Promise<unknown>;
  disconnect(reconnect?: boolean): void;
}
