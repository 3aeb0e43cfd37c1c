import { english } from './sample/english.js';
import { outage } from './sample/outage.js';
import { russian } from './sample/russian.js';
import { ukrainian } from './sample/ukrainian.js';

/** One message that the demo sends. */
export interface DemoMessage {
  readonly clientId: string;
  readonly text: string;
  /** Sent together with its neighbours, without regard to the rate. */
  readonly burst: boolean;
}

const lines = (text: string): string[] => text.trim().split('\n');

/** Two or three messages of each customer, so that there are sessions to greet only once. */
const MESSAGES_PER_CLIENT = 3;

/** The bundled sample: everyday messages in three languages, and in their midst what an outage looks like. */
export function sampleMessages(): DemoMessage[] {
  const languages = [lines(english), lines(russian), lines(ukrainian)];
  const longest = Math.max(...languages.map((texts) => texts.length));
  const everyday = Array.from({ length: longest }, (_, i) =>
    languages.flatMap((texts, language) => {
      const text = texts[i];
      if (text === undefined) return [];
      const client = Math.floor(i / MESSAGES_PER_CLIENT) * languages.length + language;
      return [{ clientId: `sample-${client + 1}`, text, burst: false }];
    }),
  ).flat();
  const burst = lines(outage).map((text, i) => ({
    clientId: `sample-outage-${i + 1}`,
    text,
    burst: true,
  }));
  const middle = Math.floor(everyday.length / 2);
  return [...everyday.slice(0, middle), ...burst, ...everyday.slice(middle)];
}

/** Customers that a file without a `client_id` column is spread over. */
const CLIENTS_OF_A_FILE = 2_000;

/** The messages of a file: each client writes now and then, as in real life. */
export function fileMessages(
  rows: readonly { text: string; clientId: string | undefined }[],
): DemoMessage[] {
  return rows.map(({ text, clientId }, i) => ({
    clientId: clientId ?? `customer-${(i % CLIENTS_OF_A_FILE) + 1}`,
    text,
    burst: false,
  }));
}
