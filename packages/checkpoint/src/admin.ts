import type { Checkpoints } from './checkpoints.js';
import { check } from './options.js';
import {
  type CheckpointInputs,
  type CheckpointOutputs,
  checkpointInfoJson,
  checkpointInputs,
  checkpointJson,
  pageJson,
  subjectInfoJson,
  verifyReportJson,
} from './schemas.js';

/**
 * The management surface: plain JSON in, plain JSON out, as `@holdfast/checkpoint/schemas` describes them. Inputs are
 * checked (`CHECKPOINT_OPTION_INVALID`), so a body or a query string can be handed over as it came.
 */
export class CheckpointAdmin {
  readonly #checkpoints: CheckpointAdminTarget;

  /** Manages these checkpoints. */
  constructor(checkpoints: CheckpointAdminTarget) {
    this.#checkpoints = checkpoints;
  }

  /** Subjects by name, with their newest version. */
  async subjects(input: unknown = {}): Promise<CheckpointOutputs['subjects']> {
    const options = checked('subjects', input);
    return pageJson(await this.#checkpoints.subjects(options), subjectInfoJson);
  }

  /** Versions of a subject, newest first, without their states. */
  async list(input: unknown): Promise<CheckpointOutputs['list']> {
    const { from, to, ...options } = checked('list', input);
    const range = { from: dateOf(from), to: dateOf(to) };
    return pageJson(await this.#checkpoints.list({ ...options, ...range }), checkpointInfoJson);
  }

  /** One version with its state. */
  async get(input: unknown): Promise<CheckpointOutputs['get']> {
    const { subject, version } = checked('get', input);
    const selector = version === undefined ? undefined : { version };
    return checkpointJson(await this.#checkpoints.load(subject, selector));
  }

  /** Verifies one version of a subject, or all. */
  async verify(input: unknown): Promise<CheckpointOutputs['verify']> {
    const { subject, version } = checked('verify', input);
    return verifyReportJson(await this.#checkpoints.verify(subject, { version }));
  }

  /** Restores a version. */
  async rollback(input: unknown): Promise<CheckpointOutputs['rollback']> {
    const { subject, expected_version: expectedVersion, ...options } = checked('rollback', input);
    const info = await this.#checkpoints.rollback(subject, { ...options, expectedVersion });
    return checkpointInfoJson(info);
  }

  /** Undoes the rollback that made the newest version. */
  async undo(input: unknown): Promise<CheckpointOutputs['undo']> {
    const { subject, ...options } = checked('undo', input);
    return checkpointInfoJson(await this.#checkpoints.undo(subject, options));
  }
}

/** What {@link CheckpointAdmin} needs: any {@link Checkpoints}, whatever its transactions are. */
export type CheckpointAdminTarget = Pick<
  Checkpoints<never>,
  'subjects' | 'list' | 'load' | 'verify' | 'rollback' | 'undo'
>;

function checked<Method extends keyof CheckpointInputs>(
  method: Method,
  input: unknown,
): CheckpointInputs[Method] {
  return check(checkpointInputs[method], input, 'input');
}

function dateOf(text: string | undefined): Date | undefined {
  return text === undefined ? undefined : new Date(text);
}
