import type { Command } from 'commander';
import { durationMs } from '../api-server/go-duration.ts';
import type { AuditOptions, LimitOptions } from '../api-server/limits/limit-options.ts';
import { BerthError } from './berth-error.ts';
import { booleanFlag } from './boolean-flag.ts';

export interface LimitFlags {
  readonly maxRequestsInflight: string;
  readonly maxMutatingRequestsInflight: string;
  readonly enablePriorityAndFairness: string;
  readonly requestTimeout: string;
  readonly auditPolicyFile?: string;
  readonly auditLogPath?: string;
  readonly auditWebhookConfigFile?: string;
  readonly auditLogMaxage: string;
  readonly auditLogMaxbackup: string;
  readonly auditLogMaxsize: string;
}

/** kube-apiserver's flags about how much it does at once, and what it writes down. */
export function addLimitFlags(command: Command): Command {
  return command
    .optionsGroup('How much at once:')
    .option('--max-requests-inflight <n>', 'requests that change nothing served at once; 0: no limit', '400')
    .option('--max-mutating-requests-inflight <n>', 'requests that change something served at once; 0: no limit', '200')
    .option(
      '--enable-priority-and-fairness <bool>',
      'share both limits out by flow schemas and priority levels, with queues',
      'true',
    )
    .option(
      '--request-timeout <duration>',
      'how long a request may take that is no watch, log, exec or the like',
      '1m0s',
    )
    .optionsGroup('What is written down:')
    .option('--audit-policy-file <file>', 'what is written down of whom: a Policy of audit.k8s.io/v1')
    .option('--audit-log-path <file>', 'where audit events go, one a line; -: standard output')
    .option('--audit-webhook-config-file <file>', 'a kubeconfig file that says where audit events are sent')
    .option('--audit-log-maxage <days>', 'remove older audit logs; 0: never', '0')
    .option('--audit-log-maxbackup <n>', 'keep that many old audit logs; 0: all', '0')
    .option('--audit-log-maxsize <megabytes>', 'begin a new audit log when one is that large', '100');
}

/** @throws BerthError Usage */
export function limitsOf(flags: LimitFlags): LimitOptions {
  const requestTimeoutMs = durationMs(flags.requestTimeout);
  if (requestTimeoutMs === undefined || requestTimeoutMs < 1)
    throw new BerthError('Usage', `--request-timeout takes a duration such as 1m0s, not "${flags.requestTimeout}"`);
  return {
    maxRequestsInFlight: count('--max-requests-inflight', flags.maxRequestsInflight),
    maxMutatingRequestsInFlight: count('--max-mutating-requests-inflight', flags.maxMutatingRequestsInflight),
    priorityAndFairness: booleanFlag('--enable-priority-and-fairness', flags.enablePriorityAndFairness),
    requestTimeoutMs,
    audit: auditOf(flags),
  };
}

function auditOf(flags: LimitFlags): AuditOptions {
  const { auditPolicyFile, auditLogPath, auditWebhookConfigFile } = flags;
  for (const [flag, file] of [
    ['--audit-policy-file', auditPolicyFile],
    ['--audit-log-path', auditLogPath],
    ['--audit-webhook-config-file', auditWebhookConfigFile],
  ] as const)
    if (file === '') throw new BerthError('Usage', `${flag} takes the name of a file, not ""`);
  if ((auditLogPath ?? auditWebhookConfigFile) !== undefined && auditPolicyFile === undefined)
    throw new BerthError('Usage', 'what is written to the audit log or sent, --audit-policy-file says: give it, too');
  if (auditPolicyFile !== undefined && (auditLogPath ?? auditWebhookConfigFile) === undefined)
    throw new BerthError('Usage', '--audit-policy-file: nothing is written down anywhere', {
      hint: 'give --audit-log-path or --audit-webhook-config-file, too',
    });
  return {
    ...(auditPolicyFile === undefined ? {} : { policyFile: auditPolicyFile }),
    ...(auditLogPath === undefined ? {} : { logPath: auditLogPath }),
    ...(auditWebhookConfigFile === undefined ? {} : { webhookConfigFile: auditWebhookConfigFile }),
    maxAgeDays: count('--audit-log-maxage', flags.auditLogMaxage),
    maxBackups: count('--audit-log-maxbackup', flags.auditLogMaxbackup),
    maxSizeMb: count('--audit-log-maxsize', flags.auditLogMaxsize),
  };
}

function count(flag: string, text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new BerthError('Usage', `${flag} takes a whole number from 0 to 999999999, not "${text}"`);
}
