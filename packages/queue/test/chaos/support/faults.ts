import { type TcpProxy, tcpProxy } from '../../../../../test-services/tcp-proxy.js';
import type { Address } from './address.js';
import { pause } from './scale.js';

const upTo = (ms: number): number => Math.random() * ms;

/** The lines between processes and their server, one of each process, which are cut, frozen and slow at random. */
export class Lines {
  /** How often each fault happened. */
  readonly counts = { cut: 0, 'cut in an answer': 0, frozen: 0, slow: 0, refused: 0 };
  readonly #address: Extract<Address, { readonly url: string }>;
  readonly #longestMs: number;
  readonly #proxies: TcpProxy[] = [];
  #running = true;
  #happening: Promise<unknown>[] = [];

  /** @param longestMs - how long a line is frozen at most */
  constructor(address: Extract<Address, { readonly url: string }>, longestMs: number) {
    this.#address = address;
    this.#longestMs = longestMs;
  }

  /** The address of the server over a line of its own. */
  async open(): Promise<Address> {
    const proxy = await tcpProxy(this.#address.url);
    this.#proxies.push(proxy);
    this.#happening.push(this.#trouble(proxy));
    return { ...this.#address, url: proxy.url };
  }

  /** From now on nothing happens to them. */
  async heal(): Promise<void> {
    this.#running = false;
    await Promise.all(this.#happening);
    this.#happening = [];
  }

  async close(): Promise<void> {
    await this.heal();
    for (const proxy of this.#proxies) await proxy.close();
  }

  async #trouble(proxy: TcpProxy): Promise<void> {
    const faults = [this.#cut, this.#cutInAnswer, this.#freeze, this.#slow, this.#refuse];
    while (this.#running) {
      await pause(200 + upTo(2_000));
      const fault = faults[Math.floor(upTo(faults.length))];
      if (this.#running && proxy.connections > 0) await fault?.call(this, proxy);
      proxy.heal();
    }
  }

  async #cut(proxy: TcpProxy): Promise<void> {
    this.counts.cut++;
    proxy.reset();
  }

  async #cutInAnswer(proxy: TcpProxy): Promise<void> {
    this.counts['cut in an answer']++;
    proxy.set({ cutAfterBytes: 100 + upTo(20_000) });
    await pause(upTo(400));
  }

  /** Afterwards what was held passes, unless the line is cut. */
  async #freeze(proxy: TcpProxy): Promise<void> {
    this.counts.frozen++;
    proxy.set({ blackhole: true });
    const end = Date.now() + upTo(this.#longestMs);
    while (this.#running && Date.now() < end) await pause(50);
    if (Math.random() < 0.5) proxy.reset();
  }

  async #slow(proxy: TcpProxy): Promise<void> {
    this.counts.slow++;
    proxy.set({ latencyMs: upTo(100), jitterMs: upTo(100) });
    await pause(upTo(1_000));
  }

  async #refuse(proxy: TcpProxy): Promise<void> {
    this.counts.refused++;
    proxy.set({ refuse: true });
    proxy.reset();
    await pause(upTo(500));
  }
}
