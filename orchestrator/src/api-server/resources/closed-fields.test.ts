import { expect, test } from 'vitest';
import type { AnyObject } from '../resource-definition.ts';
import { dropClosedFields } from './closed-fields.ts';

/** What is left of an object that is sent, over the stored one where there is one. */
function kept(resource: string, sent: object, stored?: object): unknown {
  const next = structuredClone(sent) as AnyObject;
  dropClosedFields[resource]?.(next, stored as AnyObject | undefined);
  return next;
}

const pod = (container: object, more: object = {}) => ({
  spec: { containers: [{ name: 'c', ...container }], ...more },
});

test('a stop signal is left out, with the life cycle that has nothing else', () => {
  expect(kept('/pods', pod({ lifecycle: { stopSignal: 'SIGINT' } }))).toEqual(pod({}));
  const preStop = { sleep: { seconds: 1 } };
  expect(kept('/pods', pod({ lifecycle: { stopSignal: 'SIGINT', preStop } }))).toEqual(pod({ lifecycle: { preStop } }));
});

test('what a stored pod has of a closed gate stays', () => {
  const using = pod({ lifecycle: { stopSignal: 'SIGINT' } });
  expect(kept('/pods', using, using)).toEqual(using);
});

test('projections of trust bundles and pod certificates are left out of templates, too', () => {
  const projected = (...sources: object[]) => pod({}, { volumes: [{ name: 'v', projected: { sources } }] });
  const sent = projected(
    { clusterTrustBundle: { path: 'a' } },
    { podCertificate: { keyType: 'ED25519' } },
    { secret: {} },
  );
  const job = (of: object) => ({ spec: { template: of } });
  expect(kept('batch/jobs', job(sent))).toEqual(job(projected({}, {}, { secret: {} })));
  expect(kept('batch/cronjobs', { spec: { jobTemplate: job(sent) } })).toEqual({
    spec: { jobTemplate: job(projected({}, {}, { secret: {} })) },
  });
});

test('a claim’s source in another namespace, a set’s maxUnavailable and a driver’s limit scaling are left out', () => {
  const source = { kind: 'Foo', name: 'a', namespace: 'other' };
  expect(kept('/persistentvolumeclaims', { spec: { dataSourceRef: source } })).toEqual({ spec: {} });
  const set = (rollingUpdate: object) => ({ spec: { updateStrategy: { rollingUpdate } } });
  expect(kept('apps/statefulsets', set({ partition: 0, maxUnavailable: 2 }))).toEqual(set({ partition: 0 }));
  const driver = { spec: { preventPodSchedulingIfMissing: true } };
  expect(kept('storage.k8s.io/csidrivers', driver, { spec: {} })).toEqual({ spec: {} });
});
