import type { KubeObject } from '@berth/kube';
import type { Write } from './fake-api.ts';
import { isRecord } from './fake-patch.ts';

/** A write as the recorded histories show it: which fields it set, and which it removed. */
export interface HistoryStep {
  readonly object: string;
  readonly change: string;
  readonly set: Record<string, unknown>;
  readonly removed?: readonly string[];
}

const shortNames: Record<string, string> = {
  persistentvolumeclaims: 'pvc',
  persistentvolumes: 'pv',
  volumeattachments: 'va',
  pods: 'pod',
};

/** What differs from run to run, or is the API server's own. */
const ignored =
  /^(apiVersion|kind|metadata\.(uid|resourceVersion|creationTimestamp|generation|managedFields|selfLink)|spec\.claimRef\.(uid|resourceVersion)|metadata\.ownerReferences\[\w+\]\.uid|status\.lastPhaseTransitionTime)/;

export function historyOf(writes: readonly Write[]): HistoryStep[] {
  return writes.filter(({ plural }) => plural in shortNames).map(stepOf);
}

function stepOf({ type, plural, before, after }: Write): HistoryStep {
  const object = scrub(`${shortNames[plural]}/${after.metadata.name}`);
  if (type === 'DELETED') return { object, change: type, set: {} };
  const [was, is] = [flat(before), flat(after)];
  const set = Object.fromEntries(
    [...is].filter(([key, value]) => JSON.stringify(was.get(key)) !== JSON.stringify(value)),
  );
  const removed = [...was.keys()].filter((key) => !is.has(key));
  return { object, change: type, set, ...(removed.length > 0 ? { removed } : {}) };
}

function flat(object: KubeObject | undefined): Map<string, unknown> {
  const result = new Map<string, unknown>();
  if (object) flatten('', object, result);
  return result;
}

function flatten(path: string, value: unknown, into: Map<string, unknown>): void {
  if (ignored.test(path)) return;
  if (Array.isArray(value) && value.some(isRecord)) {
    for (const [i, item] of value.entries()) flatten(`${path}[${nameOf(item) ?? i}]`, item, into);
  } else if (isRecord(value) && Object.keys(value).length > 0) {
    for (const [key, item] of Object.entries(value)) flatten(path === '' ? key : `${path}.${key}`, item, into);
  } else if (value !== undefined) into.set(path, typeof value === 'string' ? comparable(path, value) : value);
}

function nameOf(item: unknown): string | undefined {
  return (item as { name?: string; type?: string }).name ?? (item as { type?: string }).type;
}

function comparable(path: string, value: string): string {
  if (path === 'metadata.deletionTimestamp') return '<time>';
  if (path.endsWith('volumeHandle')) return '<vol>';
  if (path.endsWith('csiProvisionerIdentity')) return value.replace(/^\d+-\d+-/, '<time>-<random>-');
  return scrub(value);
}

export function scrub(text: string): string {
  const named = text.replace(/^default$/, 'NS').replaceAll('"default/', '"NS/');
  return named.replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, '<uid>');
}
