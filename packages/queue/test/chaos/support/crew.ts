import { type ChildProcess, spawn } from 'node:child_process';
import { monotonicMs, ProcessLog } from './log.js';
import type { Program } from './program.js';

/** A worker process. */
export interface Member {
  readonly child: ChildProcess;
  readonly log: ProcessLog;
  /** When it was killed, by the monotonic clock and in milliseconds since 1970. */
  killedAt?: { readonly monotonicMs: number; readonly epochMs: number };
}

/** Worker processes that are started and killed, and what they told. */
export class Crew {
  /** All there ever were. */
  readonly members: Member[] = [];
  freezes = 0;
  readonly #program: Program;
  readonly #options: object;
  #numbers = 0;

  /** @param options - what the program is given as JSON, beside its `number` */
  constructor(program: Program, options: object) {
    this.#program = program;
    this.#options = options;
  }

  /** Those that run. */
  get living(): Member[] {
    return this.members.filter(
      ({ child, killedAt }) => child.exitCode === null && child.signalCode === null && !killedAt,
    );
  }

  get kills(): number {
    return this.members.filter(({ killedAt }) => killedAt).length;
  }

  /** How often a handler began. */
  get begun(): number {
    return this.members.reduce((sum, { log }) => sum + log.runs.length, 0);
  }

  /** Everything that went wrong, in the processes' own words. */
  get errors(): string[] {
    return this.members.flatMap(({ child, log, killedAt }) => [
      ...log.errors,
      ...(child.exitCode !== null && child.exitCode !== 0 && !killedAt
        ? [`ended with ${child.exitCode}`]
        : []),
    ]);
  }

  /**
   * Ids whose completion was accepted, once for each time a process heard so.
   *
   * @param since - leaves out what was heard before, by the monotonic clock
   */
  done(since = 0): string[] {
    return this.members.flatMap(({ log }) =>
      log.done.flatMap(({ id, at }) => (at >= since ? [id] : [])),
    );
  }

  start(more: object = {}): Member {
    const options = JSON.stringify({ ...this.#options, ...more, number: this.#numbers++ });
    const child = spawn(process.execPath, [this.#program.path, options], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const member: Member = { child, log: new ProcessLog() };
    child.stdin.on('error', () => undefined); // it is gone
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => member.log.read(chunk));
    this.members.push(member);
    return member;
  }

  /** SIGKILL; resolves when it is gone and everything it said was read. */
  async kill(member: Member): Promise<void> {
    if (member.child.exitCode !== null || member.child.signalCode !== null) return;
    const closed = new Promise((resolve) => member.child.once('close', resolve));
    member.child.kill('SIGKILL');
    member.killedAt = { monotonicMs: monotonicMs(), epochMs: Date.now() };
    await closed;
  }

  /** SIGSTOP, and SIGCONT after a time: it knows nothing of what passed. */
  async freeze({ child }: Member, ms: number): Promise<void> {
    child.kill('SIGSTOP');
    this.freezes++;
    await new Promise((resolve) => setTimeout(resolve, ms));
    child.kill('SIGCONT');
  }

  /** Asks all to end by closing their input, and waits until they have. */
  async end(): Promise<void> {
    await Promise.all(
      this.living.map(async ({ child }) => {
        const closed = new Promise((resolve) => child.once('close', resolve));
        child.stdin?.end();
        const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
        await closed;
        clearTimeout(timer);
      }),
    );
  }

  /** Ends all at once. */
  async killAll(): Promise<void> {
    await Promise.all(this.living.map((member) => this.kill(member)));
  }
}

/** Ids that come more than once. */
export function repeated(ids: readonly string[]): string[] {
  const seen = new Set<string>();
  return ids.filter((id) => seen.size === seen.add(id).size);
}
