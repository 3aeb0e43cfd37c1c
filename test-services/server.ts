import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findProgram } from './programs.js';

const LOG_LIMIT = 20_000;
const START_DEADLINE_MS = 30_000;
const STOP_DEADLINE_MS = 5_000;

/** How to run a program under the supervisor. */
export interface Launch {
  argv: readonly string[];
  env?: Readonly<Record<string, string>>;
  /** Runs it as this user (only root can). */
  uid?: number;
  gid?: number;
  /** The signal that ends it in good order. @defaultValue `'SIGTERM'` */
  stopSignal?: NodeJS.Signals;
}

/** A program that runs under the supervisor: it ends with this process, whatever ends this process. */
export interface SupervisedProcess {
  readonly pid: number;
  /** The newest 20,000 characters of what it printed. */
  log(): string;
  /** Resolves with the exit code when it has ended, null when a signal ended it. */
  ended(): Promise<number | null>;
  signal(signal: NodeJS.Signals): void;
  /** Resolves once `ready` finds in the log what it looks for; rejects when the program ends first. */
  until<T>(ready: (log: string) => T | undefined | null | false): Promise<T>;
  /** Asks it to end, insists after five seconds, and resolves when it has ended. */
  stop(): Promise<void>;
}

type Report =
  | { type: 'started'; id: number; pid: number }
  | { type: 'failed'; id: number; error: string }
  | { type: 'log'; id: number; text: string }
  | { type: 'exited'; id: number; code: number | null; signal: string | null };

const handlers = new Map<number, (report: Report) => void>();
let supervisor: ChildProcess | undefined;
let nextId = 1;

function supervisorProcess(): ChildProcess {
  if (supervisor?.connected) return supervisor;
  const child = fork(fileURLToPath(new URL('./supervisor.mjs', import.meta.url)), [], {
    detached: true, // Ctrl+C goes to the tests; the supervisor then sees the channel close
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  child.on('message', (report: Report) => handlers.get(report.id)?.(report));
  child.unref();
  child.channel?.unref();
  // A worker of the test runner outlives a killed runner while its test hangs: its servers do not.
  process.once('disconnect', () => child.connected && child.disconnect());
  supervisor = child;
  return child;
}

/** A new temporary folder that the supervisor removes at the latest when this process ends. */
export function temporaryFolder(kind: string): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), `holdfast-${kind}-`));
  supervisorProcess().send({ type: 'folder', path });
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 3 }) };
}

/** On Linux the kernel ends the server even when the supervisor itself is killed. */
function withDeathSignal(argv: readonly string[], stopSignal: string): readonly string[] {
  const setpriv = process.platform === 'linux' ? findProgram('setpriv') : undefined;
  return setpriv ? [setpriv, '--pdeathsig', stopSignal.replace('SIG', ''), ...argv] : argv;
}

class Supervised implements SupervisedProcess {
  pid = 0;
  readonly #ended: Promise<number | null>;
  readonly #order: (order: object) => void;
  readonly #name: string;
  readonly #stopSignal: NodeJS.Signals;
  readonly #watchers = new Set<() => void>();
  #log = '';
  #running = true;
  #end: (code: number | null) => void = () => undefined;

  constructor(name: string, stopSignal: NodeJS.Signals, order: (order: object) => void) {
    this.#name = name;
    this.#stopSignal = stopSignal;
    this.#order = order;
    this.#ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  /** Takes in what the supervisor says about the process. */
  hear(report: Report): void {
    if (report.type === 'started') this.pid = report.pid;
    else if (report.type === 'log') this.#log = (this.#log + report.text).slice(-LOG_LIMIT);
    else {
      this.#running = false;
      if (report.type === 'failed') this.#log += report.error;
      this.#end(report.type === 'exited' ? report.code : null);
    }
    for (const look of [...this.#watchers]) look();
  }

  log(): string {
    return this.#log;
  }

  async ended(): Promise<number | null> {
    // The channel to the supervisor keeps no process alive, so whoever waits has to.
    const timer = setInterval(() => undefined, 60_000);
    try {
      return await this.#ended;
    } finally {
      clearInterval(timer);
    }
  }

  signal(signal: NodeJS.Signals): void {
    if (this.#running) this.#order({ type: 'signal', signal });
  }

  until<T>(ready: (log: string) => T | undefined | null | false): Promise<T> {
    return new Promise((resolve, reject) => {
      const settle = (act: () => void) => {
        this.#watchers.delete(look);
        clearTimeout(timer);
        act();
      };
      const fail = (why: string) =>
        settle(() => reject(new Error(`${this.#name} ${why}:\n${this.#log.slice(-2_000)}`)));
      const timer = setTimeout(() => fail('was not ready in time'), START_DEADLINE_MS);
      const look = () => {
        const found = ready(this.#log);
        if (found) settle(() => resolve(found));
        else if (!this.#running) fail('ended before it was ready');
      };
      this.#watchers.add(look);
      look();
    });
  }

  async stop(): Promise<void> {
    this.signal(this.#stopSignal);
    this.signal('SIGCONT'); // a stopped process does not notice the other signal
    const timer = setTimeout(() => this.signal('SIGKILL'), STOP_DEADLINE_MS);
    await this.ended();
    clearTimeout(timer);
  }
}

/** Runs a program under the supervisor. */
export async function launch(options: Launch): Promise<SupervisedProcess> {
  const id = nextId++;
  const owner = supervisorProcess();
  const { argv, stopSignal = 'SIGTERM', ...rest } = options;
  const started = new Supervised(argv[0] ?? '', stopSignal, (order) =>
    owner.send({ ...order, id }),
  );
  handlers.set(id, (report) => {
    started.hear(report);
    if (report.type === 'exited') handlers.delete(id);
  });

  const order = { ...rest, type: 'start', id, stopSignal };
  owner.send({ ...order, argv: withDeathSignal(argv, stopSignal) });
  await started.until(() => started.pid !== 0);
  return started;
}
