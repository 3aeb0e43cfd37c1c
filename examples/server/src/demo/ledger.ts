/** A webhook whose signature was right and that the receiver answered with 2xx. */
export interface ReceivedWebhook {
  readonly webhookId: string;
  readonly messageId: string;
  readonly sessionId: string;
  readonly category: string | undefined;
  readonly greetings: number;
  readonly replies: number;
  readonly at: number;
}

/** Where the messages of a run stand, and what is wrong. Everything is counted from what was really seen. */
export interface LedgerReport {
  readonly accepted: number;
  /** Accepted messages that brought at least one reply. */
  readonly answered: number;
  /** Accepted messages that arrived under exactly one webhook id. */
  readonly delivered: number;
  readonly undelivered: readonly string[];
  /** Messages that arrived under several webhook ids. */
  readonly severalIds: readonly string[];
  /** Webhooks that came again with an id that had been acknowledged: permitted, the id tells. */
  readonly duplicates: number;
  /** Webhooks that needed more than one attempt. */
  readonly retried: number;
  readonly badSignatures: number;
  readonly sessions: number;
  readonly greetings: number;
  /** Sessions that were greeted more than once. */
  readonly greetedTwice: readonly string[];
  readonly byCategory: Readonly<Record<string, number>>;
  /** Milliseconds from acceptance to the verified webhook, ascending. */
  readonly latenciesMs: readonly number[];
  /** Accepted messages a second, from the first acceptance to the last delivery. */
  readonly perSecond: number;
}

/** Keeps account of what was accepted and what arrived. */
export class Ledger {
  readonly #accepted = new Map<string, number>();
  readonly #webhooksOf = new Map<string, Map<string, ReceivedWebhook>>();
  readonly #arrivals = new Map<string, number>();
  readonly #attempts = new Map<string, number>();
  #badSignatures = 0;
  #settled = 0;

  /** Accepted messages so far. */
  get accepted(): number {
    return this.#accepted.size;
  }

  /** Accepted messages that have arrived so far. */
  get settled(): number {
    return this.#settled;
  }

  /** A message was accepted; told twice for a replayed request, which is one message. */
  accept(messageId: string, at: number): void {
    if (this.#accepted.has(messageId)) return;
    this.#accepted.set(messageId, at);
    if (this.#webhooksOf.has(messageId)) this.#settled += 1;
  }

  /** A webhook came with a signature that is wrong. */
  rejectSignature(): void {
    this.#badSignatures += 1;
  }

  /** A webhook was tried, whatever the receiver answers. Returns how often it has been tried. */
  attempt(webhookId: string): number {
    const attempts = (this.#attempts.get(webhookId) ?? 0) + 1;
    this.#attempts.set(webhookId, attempts);
    return attempts;
  }

  /** A webhook arrived. It may do so before the acceptance of its message has been read. */
  receive(webhook: ReceivedWebhook): void {
    this.#arrivals.set(webhook.webhookId, (this.#arrivals.get(webhook.webhookId) ?? 0) + 1);
    const known = this.#webhooksOf.get(webhook.messageId);
    if (known) {
      if (!known.has(webhook.webhookId)) known.set(webhook.webhookId, webhook);
      return;
    }
    this.#webhooksOf.set(webhook.messageId, new Map([[webhook.webhookId, webhook]]));
    if (this.#accepted.has(webhook.messageId)) this.#settled += 1;
  }

  report(): LedgerReport {
    const ids = [...this.#accepted.keys()];
    const webhooks = ids.flatMap((id) => [...(this.#webhooksOf.get(id)?.values() ?? [])]);
    const firsts = ids.flatMap((id) => [...(this.#webhooksOf.get(id)?.values() ?? [])].slice(0, 1));
    const greetings = tally(webhooks, (hook) => [hook.sessionId, hook.greetings]);
    const acceptedAt = (id: string) => this.#accepted.get(id) ?? 0;
    const spanMs = maximum(firsts.map(({ at }) => at)) - minimum(ids.map((id) => acceptedAt(id)));
    return {
      accepted: ids.length,
      answered: firsts.filter(({ replies }) => replies > 0).length,
      delivered: ids.filter((id) => this.#webhooksOf.get(id)?.size === 1).length,
      undelivered: ids.filter((id) => !this.#webhooksOf.has(id)),
      severalIds: ids.filter((id) => (this.#webhooksOf.get(id)?.size ?? 0) > 1),
      duplicates: [...this.#arrivals.values()].reduce((sum, times) => sum + times - 1, 0),
      retried: [...this.#attempts.values()].filter((attempts) => attempts > 1).length,
      badSignatures: this.#badSignatures,
      sessions: greetings.size,
      greetings: [...greetings.values()].reduce((sum, n) => sum + n, 0),
      greetedTwice: [...greetings].filter(([, n]) => n > 1).map(([session]) => session),
      byCategory: Object.fromEntries(
        [...tally(firsts, (hook) => [hook.category ?? 'none', 1])].sort(([, a], [, b]) => b - a),
      ),
      // Two clocks of one machine: a webhook can seem to be earlier by less than their resolution.
      latenciesMs: firsts
        .map(({ messageId, at }) => Math.max(0, at - acceptedAt(messageId)))
        .sort((a, b) => a - b),
      perSecond: spanMs > 0 ? (firsts.length / spanMs) * 1_000 : 0,
    };
  }
}

function tally<T>(items: readonly T[], by: (item: T) => [string, number]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) {
    const [key, amount] = by(item);
    counts.set(key, (counts.get(key) ?? 0) + amount);
  }
  return counts;
}

const maximum = (values: readonly number[]) => values.reduce((a, b) => Math.max(a, b), 0);
const minimum = (values: readonly number[]) =>
  values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
