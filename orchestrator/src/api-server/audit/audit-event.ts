import { rfc3339Micro } from '@berth/kit';
import type { RequestInfo } from '../request-info.ts';
import type { User } from '../user.ts';
import type { AuditLevel, AuditStage } from './audit-policy.ts';
import type { AuditSubject } from './audit-subject.ts';

/** `audit.k8s.io/v1`, Event, in the order in which Go writes its fields. */
export interface AuditEvent {
  readonly kind: 'Event';
  readonly apiVersion: 'audit.k8s.io/v1';
  readonly level: AuditLevel;
  readonly auditID: string;
  stage: AuditStage;
  readonly requestURI: string;
  readonly verb: string;
  readonly user: object;
  impersonatedUser: object | undefined;
  authenticationMetadata: { readonly impersonationConstraint: string } | undefined;
  readonly sourceIPs: readonly string[] | undefined;
  readonly userAgent: string | undefined;
  readonly objectRef: Record<string, string> | undefined;
  responseStatus: Record<string, unknown> | undefined;
  requestObject: unknown;
  responseObject: unknown;
  readonly requestReceivedTimestamp: string;
  stageTimestamp: string;
  annotations: Record<string, string> | undefined;
}

const longestUserAgent = 1024;

export function auditEvent(about: {
  readonly subject: AuditSubject;
  readonly level: AuditLevel;
  readonly auditId: string;
  readonly now: number;
}): AuditEvent {
  const { subject, level, auditId, now } = about;
  const { info, user, uri, headers } = subject;
  const received = rfc3339Micro(now);
  const sources = sourceIps(subject);
  const agent = headers['user-agent'];
  return {
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    level,
    auditID: auditId,
    stage: 'RequestReceived',
    requestURI: uri,
    verb: info.verb,
    user: user ? userInfo(user) : {},
    impersonatedUser: undefined,
    authenticationMetadata: undefined,
    sourceIPs: sources.length > 0 ? sources : undefined,
    userAgent: agent && agent.length > longestUserAgent ? `${agent.slice(0, longestUserAgent)}...TRUNCATED` : agent,
    objectRef: info.isResource ? reference(info) : undefined,
    responseStatus: undefined,
    requestObject: undefined,
    responseObject: undefined,
    requestReceivedTimestamp: received,
    stageTimestamp: received,
    annotations: undefined,
  };
}

export function userInfo({ name, uid, groups, extra }: User): object {
  return {
    username: name,
    ...(uid ? { uid } : {}),
    ...(groups.length > 0 ? { groups } : {}),
    ...(extra && Object.keys(extra).length > 0 ? { extra } : {}),
  };
}

function reference({ resource, namespace, name, group, version, subresource }: RequestInfo): Record<string, string> {
  return {
    ...(resource && { resource }),
    ...(namespace && { namespace }),
    ...(name && { name }),
    ...(group && { apiGroup: group }),
    ...(version && { apiVersion: version }),
    ...(subresource && { subresource }),
  };
}

/** Whom proxies say it comes from, then who connected (apimachinery util/net SourceIPs). */
function sourceIps({ headers, address }: AuditSubject): string[] {
  const forwarded = [headers['x-forwarded-for'] ?? []].flat().flatMap((list) => list.split(','));
  const given = [...forwarded, headers['x-real-ip'] ?? []].flat().map((text) => text.trim());
  const known = given.filter((text) => /^[0-9a-fA-F:.]{3,45}$/.test(text));
  const own = address?.replace(/^::ffff:/, '');
  return own === undefined || known.at(-1) === own ? known : [...known, own];
}
