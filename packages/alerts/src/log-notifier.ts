import type { Severity } from './alert.js';
import type { Logger } from './logger.js';
import type { Notifier } from './notifier.js';

const LEVELS = { INFO: 'info', WARNING: 'warn', CRITICAL: 'error', EMERGENCY: 'error' } as const;

/** Writes notifications to a log: INFO as info, WARNING as warn, worse as error, what resolved as info. */
export function logNotifier(logger: Logger, options: { name?: string } = {}): Notifier {
  return {
    name: options.name ?? 'log',
    notify({ id, kind, alert }) {
      const { id: alertId, rule, severity, labels, value, annotations } = alert;
      const fields = {
        module: 'alerts',
        rule,
        severity,
        labels,
        value,
        annotations,
        alert_id: alertId,
        notification_id: id,
      };
      const summary = annotations.summary === undefined ? '' : `: ${annotations.summary}`;
      logger[kind === 'resolved' ? 'info' : levelOf(severity)](
        fields,
        `Alert ${rule} ${kind}${summary}`,
      );
    },
  };
}

function levelOf(severity: Severity): 'info' | 'warn' | 'error' {
  return LEVELS[severity];
}
