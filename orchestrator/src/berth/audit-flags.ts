import type { Command } from 'commander';
import {
  type AuditMode,
  type AuditPlugin,
  auditModes,
  logPlugin,
  webhookPlugin,
} from '../api-server/audit/audit-options.ts';
import type { AuditOptions } from '../api-server/limits/limit-options.ts';
import { BerthError } from './berth-error.ts';
import { booleanFlag } from './boolean-flag.ts';
import { countFlag, durationFlag } from './number-flags.ts';

export interface AuditFlags {
  readonly auditPolicyFile?: string;
  readonly auditLogPath?: string;
  readonly auditWebhookConfigFile?: string;
  /** By their names, which both plugins have. */
  readonly [flag: string]: unknown;
}

type PluginName = 'log' | 'webhook';

/** Upstream's; an event may have as many bytes, and a batch of them. */
const mostEventBytes = '102400';
const mostBatchBytes = '10485760';
const version = 'audit.k8s.io/v1';

/** kube-apiserver's flags about what it writes down. */
export function addAuditFlags(command: Command): Command {
  command
    .optionsGroup('What is written down:')
    .option('--audit-policy-file <file>', 'what is written down of whom: a Policy of audit.k8s.io/v1')
    .option('--audit-log-path <file>', 'where audit events go, one a line; -: standard output')
    .option('--audit-log-format <format>', 'how: json or legacy, which is for people', 'json')
    .option('--audit-log-maxage <days>', 'remove older audit logs; 0: never', '366')
    .option('--audit-log-maxbackup <n>', 'keep that many old audit logs; 0: all', '100')
    .option('--audit-log-maxsize <megabytes>', 'begin a new audit log when one is that large; 0: never', '100')
    .option('--audit-log-compress [bool]', 'compress old audit logs', 'false')
    .option('--audit-webhook-config-file <file>', 'a kubeconfig file that says where audit events are sent')
    .option('--audit-webhook-initial-backoff <duration>', 'how soon events are sent again', '10s');
  addPluginFlags(command, 'log', logPlugin);
  return addPluginFlags(command, 'webhook', webhookPlugin);
}

function addPluginFlags(command: Command, name: PluginName, { mode, batch }: AuditPlugin): Command {
  const what = name === 'log' ? 'audit log' : 'audit webhook';
  const { qps, burst } = batch.throttle ?? { qps: 0, burst: 0 };
  return command
    .option(`--audit-${name}-mode <mode>`, `when events get to the ${what}: ${auditModes.join(', ')}`, mode)
    .option(`--audit-${name}-batch-buffer-size <n>`, 'batch: events that may wait', String(batch.bufferSize))
    .option(`--audit-${name}-batch-max-size <n>`, 'batch: events at once', String(batch.maxSize))
    .option(
      `--audit-${name}-batch-max-wait <duration>`,
      'batch: how long it waits for more',
      `${batch.maxWaitMs / 1000}s`,
    )
    .option(
      `--audit-${name}-batch-throttle-enable [bool]`,
      'batch: only so many a second',
      String(batch.throttle !== undefined),
    )
    .option(`--audit-${name}-batch-throttle-qps <n>`, 'batch: batches a second', String(qps))
    .option(`--audit-${name}-batch-throttle-burst <n>`, 'batch: batches at once', String(burst))
    .option(`--audit-${name}-truncate-enabled [bool]`, 'leave objects out of events that are too large', 'false')
    .option(`--audit-${name}-truncate-max-event-size <bytes>`, 'larger events are too large', mostEventBytes)
    .option(`--audit-${name}-truncate-max-batch-size <bytes>`, 'events at once have no more', mostBatchBytes)
    .option(`--audit-${name}-version <version>`, `of events: ${version}`, version);
}

/** @throws BerthError Usage */
export function auditOf(flags: AuditFlags): AuditOptions {
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
  const reader = new FlagReader(flags);
  return {
    ...(auditPolicyFile === undefined ? {} : { policyFile: auditPolicyFile }),
    ...(auditLogPath === undefined ? {} : { logPath: auditLogPath, log: pluginOf(reader, 'log') }),
    ...(auditWebhookConfigFile === undefined
      ? {}
      : { webhookConfigFile: auditWebhookConfigFile, webhook: pluginOf(reader, 'webhook') }),
    maxAgeDays: reader.count('audit-log-maxage'),
    maxBackups: reader.count('audit-log-maxbackup'),
    maxSizeMb: reader.count('audit-log-maxsize'),
    compress: reader.truth('audit-log-compress'),
    format: formatOf(reader.text('audit-log-format')),
    webhookFirstDelayMs: reader.durationMs('audit-webhook-initial-backoff'),
  };
}

function formatOf(text: string): 'json' | 'legacy' {
  if (text === 'json' || text === 'legacy') return text;
  throw usage(`invalid audit log format ${text}, allowed formats are "legacy,json"`);
}

/** What is wrong is told as upstream tells it. */
function pluginOf(reader: FlagReader, name: PluginName): AuditPlugin {
  const flag = (rest: string) => `audit-${name}-${rest}`;
  const mode = reader.text(flag('mode')) as AuditMode;
  if (!auditModes.includes(mode))
    throw usage(`invalid audit ${name} mode ${mode}, allowed modes are "${auditModes.join(',')}"`);
  const positive = (rest: string, what: string, kind = 'batch') => {
    const value = reader.number(flag(`${kind}-${rest}`));
    if (value > 0) return value;
    throw usage(`invalid audit ${kind} ${name} ${what} ${value}, must be a positive number`);
  };
  const mostEvent = positive('max-event-size', 'max event size', 'truncate');
  const mostBatch = reader.number(flag('truncate-max-batch-size'));
  if (mostBatch < mostEvent)
    throw usage(
      `invalid audit truncate ${name} max batch size ${mostBatch}, must be greater than max event size (${mostEvent})`,
    );
  const given = reader.text(flag('version'));
  if (given !== version) throw usage(`invalid group version, allowed versions are ["${version}"]`);
  const shortens = reader.truth(flag('truncate-enabled')) ? { mostEventBytes: mostEvent } : {};
  // What is not used may be anything.
  if (mode !== 'batch') return { mode, batch: (name === 'log' ? logPlugin : webhookPlugin).batch, ...shortens };
  const batch = {
    bufferSize: positive('buffer-size', 'buffer size'),
    maxSize: positive('max-size', 'max batch size'),
    maxWaitMs: reader.durationMs(flag('batch-max-wait')),
  };
  if (!reader.truth(flag('batch-throttle-enable'))) return { mode, batch, ...shortens };
  const throttle = {
    qps: positive('throttle-qps', 'throttle QPS'),
    burst: positive('throttle-burst', 'throttle burst'),
  };
  return { mode, batch: { ...batch, throttle }, ...shortens };
}

function usage(words: string): BerthError {
  return new BerthError('Usage', words);
}

class FlagReader {
  readonly #flags: AuditFlags;

  constructor(flags: AuditFlags) {
    this.#flags = flags;
  }

  text(flag: string): string {
    return String(this.#flags[flag.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())]);
  }

  truth(flag: string): boolean {
    return booleanFlag(`--${flag}`, this.text(flag));
  }

  count(flag: string): number {
    const text = this.text(flag);
    if (/^-\d+$/.test(text)) throw usage(`--${flag} ${text} can't be a negative number`);
    return countFlag(`--${flag}`, text);
  }

  number(flag: string): number {
    const text = this.text(flag);
    if (/^-?\d{1,12}(\.\d{1,6})?$/.test(text)) return Number(text);
    throw usage(`--${flag} takes a number, not "${text}"`);
  }

  durationMs(flag: string): number {
    return durationFlag(`--${flag}`, this.text(flag), { example: '30s' });
  }
}
