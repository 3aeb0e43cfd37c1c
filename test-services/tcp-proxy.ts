import { connect, createServer, type Socket } from 'node:net';
import { endpointOf } from './ports.js';

/** What a proxy does to the bytes that pass. */
export interface Faults {
  /** Delay of each chunk, each way. @defaultValue 0 */
  latencyMs: number;
  /** Random extra delay. @defaultValue 0 */
  jitterMs: number;
  /** @defaultValue Infinity */
  bytesPerSecond: number;
  /** Connections stay open and nothing passes; what was held passes later. @defaultValue false */
  blackhole: boolean;
  /** New connections are reset at once. @defaultValue false */
  refuse: boolean;
  /** A connection is reset after this many bytes in one direction. @defaultValue Infinity */
  cutAfterBytes: number;
}

/** A TCP proxy on the loopback interface that a test can make slow, silent or broken. */
export interface TcpProxy {
  readonly port: number;
  /** The target's URL with the proxy's address in it, when the target was given as a URL. */
  readonly url: string;
  /** Connections that are open now. */
  readonly connections: number;
  /** Changes some faults; the others stay. */
  set(faults: Partial<Faults>): void;
  /** Takes all faults away. */
  heal(): void;
  /** Resets every open connection. */
  reset(): void;
  /** Nothing passes any more on the connections that are open now, which stay so. Others are as before. */
  freeze(): void;
  close(): Promise<void>;
}

const NONE: Faults = {
  latencyMs: 0,
  jitterMs: 0,
  bytesPerSecond: Number.POSITIVE_INFINITY,
  blackhole: false,
  refuse: false,
  cutAfterBytes: Number.POSITIVE_INFINITY,
};

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Starts a proxy to a service's URL. */
export async function tcpProxy(target: string): Promise<TcpProxy> {
  const endpoint = endpointOf(target);
  const faults = { ...NONE };
  const open = new Set<{ down: Socket; up: Socket }>();

  const delay = async (bytes: number) => {
    while (faults.blackhole) await pause(10);
    const ms =
      faults.latencyMs + Math.random() * faults.jitterMs + (bytes / faults.bytesPerSecond) * 1_000;
    if (ms > 0) await pause(ms);
  };

  const frozen = new WeakSet<Socket>();

  const forward = (from: Socket, to: Socket, cut: () => void) => {
    let passed = 0;
    let last = Promise.resolve();
    from.on('data', (chunk: Buffer) => {
      last = last.then(async () => {
        await delay(chunk.length);
        if (to.destroyed || frozen.has(to)) return;
        const room = faults.cutAfterBytes - passed;
        passed += chunk.length;
        if (chunk.length <= room) to.write(chunk);
        else if (room > 0) to.write(chunk.subarray(0, room), cut);
        else cut();
      });
    });
    from.on('end', () => void last.then(() => to.end()));
  };

  const server = createServer((down) => {
    if (faults.refuse) {
      down.resetAndDestroy();
      return;
    }
    const up = connect(endpoint);
    const pair = { down, up };
    open.add(pair);
    const drop = () => {
      open.delete(pair);
      down.destroy();
      up.destroy();
    };
    const cut = () => {
      down.resetAndDestroy();
      drop();
    };
    for (const socket of [down, up]) socket.on('error', drop).on('close', drop);
    forward(down, up, cut);
    forward(up, down, cut);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const url = new URL(target);
  url.hostname = '127.0.0.1';
  url.port = String(port);

  const reset = () => {
    for (const { down, up } of [...open]) {
      down.resetAndDestroy();
      up.destroy();
    }
  };
  return {
    port,
    url: url.href,
    get connections() {
      return open.size;
    },
    set: (change) => Object.assign(faults, change),
    heal: () => Object.assign(faults, NONE),
    reset,
    freeze: () => {
      for (const { down, up } of open) frozen.add(down).add(up);
    },
    close: () => {
      faults.blackhole = false;
      reset();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
