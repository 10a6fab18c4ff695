import { roundedIntegers } from '@berth/kit';
import { expect, test } from 'vitest';
import { newPod } from './identity.ts';
import { applyRevision, newRevision, sameTemplate } from './revisions.ts';

const template = {
  metadata: { labels: { app: 'x' } },
  spec: {
    containers: [
      {
        name: 'c',
        image: 'local/busybox:1',
        command: ['/bin/busybox', 'sh', '-c', 'sleep 1000'],
        resources: {},
        volumeMounts: [{ name: 'www', mountPath: '/data' }],
        terminationMessagePath: '/dev/termination-log',
        terminationMessagePolicy: 'File',
        imagePullPolicy: 'Never',
      },
    ],
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 0,
    dnsPolicy: 'ClusterFirst',
    securityContext: {},
    schedulerName: 'default-scheduler',
  },
};

const set = { metadata: { name: 'web', namespace: 'NS', uid: 'u' }, spec: { selector: {}, template } };

test('a revision has the name that Kubernetes gives the same template', () => {
  expect(newRevision(set, 1, 0).metadata.name).toBe('web-7cf778fb6f');
  expect(newRevision(set, 1, 1).metadata.name).not.toBe('web-7cf778fb6f');
});

test('applyRevision brings the template back', () => {
  const revision = newRevision(set, 1, 0);
  expect(
    applyRevision({ ...set, spec: { ...set.spec, template: { spec: { containers: [] } } } }, revision).spec?.template,
  ).toEqual(template);
});

test('an integer that a number does not hold is in the pod and in the revision as it is in the template', () => {
  const withUser = (runAsUser: unknown) =>
    ({
      ...set,
      spec: { ...set.spec, template: { ...template, spec: { ...template.spec, securityContext: { runAsUser } } } },
    }) as typeof set;
  const exact = 9_007_199_254_740_993n;
  const seen = roundedIntegers(withUser(exact));
  expect(JSON.stringify(seen)).toContain('"runAsUser":9007199254740992');
  expect(JSON.stringify(newPod(seen, 0, 'web-1'))).toContain('"runAsUser":9007199254740993');
  const revision = newRevision(seen, 1, 0);
  expect(JSON.stringify(revision)).toContain('"runAsUser":9007199254740993');
  // As the controller reads it again, and pods of an older revision are made from it.
  const read = roundedIntegers(revision);
  expect(sameTemplate(read, revision)).toBe(true);
  expect(sameTemplate(newRevision(withUser(exact + 2n), 1, 0), revision)).toBe(false);
  expect(newRevision(withUser(exact + 2n), 1, 0).metadata.name).not.toBe(revision.metadata.name);
  expect(JSON.stringify(newPod(applyRevision(set, read), 0, 'web-1'))).toContain('"runAsUser":9007199254740993');
});
