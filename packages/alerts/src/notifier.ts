import type { Alert } from './alert.js';

/** What a notifier is to tell. */
export interface Notification {
  /** UUIDv7, the same at every attempt: what a receiver can drop repeats by. */
  readonly id: string;
  readonly kind: 'firing' | 'resolved';
  /** When it became due. */
  readonly at: Date;
  /** The alert as it was then. */
  readonly alert: Alert;
}

/** What a notifier is told beside the notification. */
export interface NotifyContext {
  /** Aborted when the attempt takes too long, or the alerts are closed. */
  readonly signal: AbortSignal;
  /** 1 for the first. */
  readonly attempt: number;
}

/** Tells somebody about alerts. */
export interface Notifier {
  /** Unique among the notifiers. */
  readonly name: string;
  /** Tells one. When it throws, it is tried again later, a limited number of times. */
  notify(notification: Notification, context: NotifyContext): Promise<void> | void;
}

/** How failed notifications are tried again. */
export interface RetryOptions {
  /**
   * Attempts in all.
   * @defaultValue 5
   */
  attempts?: number;
  /**
   * Longest wait before the second attempt, in milliseconds; it doubles each time, and the wait is drawn at random
   * from its upper half.
   * @defaultValue 1000
   */
  initialMs?: number;
  /**
   * Longest wait of all, in milliseconds.
   * @defaultValue 300000 (5 minutes)
   */
  maxMs?: number;
}

/** Counters of one notifier, since the alerts were made. */
export interface NotifierStats {
  readonly sent: number;
  /** Attempts that failed. */
  readonly failures: number;
  /** Notifications given up after the last attempt. */
  readonly dead: number;
  /** Notifications left out because the queue was full. */
  readonly dropped: number;
  /** Notifications left out because a newer one of the same alert came. */
  readonly superseded: number;
  /** Notifications waiting now. */
  readonly waiting: number;
}
