import { goQuote } from '@berth/kube';

/** An event as `--audit-log-format=legacy` writes it (apiserver audit EventString). */
export function legacyLine(json: string): string {
  const event = JSON.parse(json) as LoggedEvent;
  const { user, impersonatedUser: other, objectRef, responseStatus, sourceIPs = [], userAgent = '' } = event;
  const groups = (of: Subject | undefined, none: string) => of?.groups?.map(goQuote).join(',') ?? none;
  const told = {
    id: event.auditID,
    stage: event.stage,
    ip: sourceIPs[0] ?? '<unknown>',
    method: event.verb,
    user: user.username || '<none>',
    groups: user.username ? groups(user, '<none>') : '<none>',
    as: other ? (other.username ?? '') : '<self>',
    asgroups: groups(other, '<lookup>'),
    'user-agent': userAgent,
    namespace: objectRef?.namespace || '<none>',
    uri: event.requestURI,
  };
  const pairs = Object.entries(told).map(([name, value]) => `${name}=${goQuote(value)}`);
  const at = event.requestReceivedTimestamp.replace(/\.?0+Z$/, 'Z');
  return `${at} AUDIT: ${pairs.join(' ')} response="${responseStatus ? (responseStatus.code ?? 0) : '<deferred>'}"\n`;
}

interface Subject {
  readonly username?: string;
  readonly groups?: readonly string[];
}

interface LoggedEvent {
  readonly auditID: string;
  readonly stage: string;
  readonly verb: string;
  readonly requestURI: string;
  readonly requestReceivedTimestamp: string;
  readonly user: Subject;
  readonly impersonatedUser?: Subject;
  readonly objectRef?: { readonly namespace?: string };
  readonly responseStatus?: { readonly code?: number };
  readonly sourceIPs?: readonly string[];
  readonly userAgent?: string;
}
