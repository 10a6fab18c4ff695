import { expect, test } from 'vitest';
import { attachmentName } from './attachment-name.ts';
import { Layout } from './layout.ts';

test('volumes are where kubelet keeps them', () => {
  const layout = new Layout('/var/lib/kubelet');
  expect(layout.podVolume('uid', 'kubernetes.io/csi', 'pv')).toBe(
    '/var/lib/kubelet/pods/uid/volumes/kubernetes.io~csi/pv',
  );
  expect(layout.csiStaging('d.csi', 'handle')).toBe(
    '/var/lib/kubelet/plugins/kubernetes.io/csi/d.csi/c2a116aa910d147bd5bdacc2f1cc4430148955f450654ed756e9c93de1b1e1d2/globalmount',
  );
});

test('an attachment is named by handle, driver and node', () => {
  expect(attachmentName('v', 'd', 'n')).toMatch(/^csi-[0-9a-f]{64}$/);
  expect(attachmentName('v', 'd', 'n')).not.toBe(attachmentName('v', 'd', 'm'));
});

test.for(['../x', 'a/b', '', '..'])('a pod uid, driver or volume named %j is never made a path', (name) => {
  const layout = new Layout('/k');
  expect(() => layout.podDir(name)).toThrow();
  expect(() => layout.podVolume('uid', 'kubernetes.io/csi', name)).toThrow();
  expect(() => layout.csiDevice(name, 'h')).toThrow();
});
