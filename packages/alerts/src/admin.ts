import type { Alerts } from './alerts.js';
import { check } from './options.js';
import {
  type AlertInputs,
  type AlertOutputs,
  alertInputs,
  alertJson,
  alertPageJson,
  ruleJson,
} from './schemas.js';

/**
 * The management surface: plain JSON in, plain JSON out, as `@holdfast/alerts/schemas` describes them. Inputs are
 * checked (`ALERT_OPTION_INVALID`), so a body or a query string can be handed over as it came.
 */
export class AlertAdmin {
  readonly #alerts: Alerts;

  /** Manages these alerts. */
  constructor(alerts: Alerts) {
    this.#alerts = alerts;
  }

  /** The rules. */
  async rules(input: unknown = {}): Promise<AlertOutputs['rules']> {
    checked('rules', input);
    return { items: this.#alerts.rules().map(ruleJson) };
  }

  /** Alerts that are firing, the worst first. */
  async active(input: unknown = {}): Promise<AlertOutputs['active']> {
    checked('active', input);
    return { items: this.#alerts.active().map(alertJson) };
  }

  /** How many alerts there are, by status and severity. */
  async counts(input: unknown = {}): Promise<AlertOutputs['counts']> {
    checked('counts', input);
    return this.#alerts.counts();
  }

  /** Alerts, newest first. */
  async list(input: unknown = {}): Promise<AlertOutputs['list']> {
    const { from, to, ...options } = checked('list', input);
    const range = { from: dateOf(from), to: dateOf(to) };
    return alertPageJson(await this.#alerts.list({ ...options, ...range }));
  }

  /** One alert with its audit trail. */
  async get(input: unknown): Promise<AlertOutputs['get']> {
    return alertJson(await this.#alerts.get(checked('get', input).id));
  }

  /** Notes who has seen a firing alert. */
  async acknowledge(input: unknown): Promise<AlertOutputs['acknowledge']> {
    const { id, ...options } = checked('acknowledge', input);
    return alertJson(await this.#alerts.acknowledge(id, options));
  }
}

function checked<Method extends keyof AlertInputs>(
  method: Method,
  input: unknown,
): AlertInputs[Method] {
  return check(alertInputs[method], input, 'input');
}

function dateOf(text: string | undefined): Date | undefined {
  return text === undefined ? undefined : new Date(text);
}
