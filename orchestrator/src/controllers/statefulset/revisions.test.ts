import { expect, test } from 'vitest';
import { applyRevision, newRevision } from './revisions.ts';

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
