import { resources } from '@berth/kube';
import { expect, test } from 'vitest';
import { FakeEvents } from '../../../../test/harness/fake-recorder.ts';
import { aServer } from '../../api-server/server.test-harness.ts';
import { withControllers } from '../controller.test-harness.ts';
import { startStatefulSetController } from './statefulset-controller.ts';

/** stateful_pod_control.go, recordPodEvent and recordClaimEvent. */
test('claims and pods of a set that are refused are told as upstream tells them', async () => {
  const events = new FakeEvents();
  await using s = withControllers(await aServer(), [startStatefulSetController], events.recorder);
  const limits = [
    { type: 'PersistentVolumeClaim', min: { storage: '2Gi' } },
    { type: 'Pod', min: { cpu: '1' } },
  ];
  await s.client.create(resources.limitranges, { metadata: { name: 'least', namespace: 'default' }, spec: { limits } });
  const claim = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
  const set = (name: string, claims: readonly object[]) => ({
    metadata: { name, namespace: 'default' },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'c', image: 'i' }] } },
      volumeClaimTemplates: claims,
    },
  });
  await s.client.create(resources.statefulsets, set('bare', []) as never);
  await s.client.create(resources.statefulsets, set('web', [{ metadata: { name: 'www' }, spec: claim }]) as never);
  const told = (about: string) => events.recorded.find((event) => event.about === about)?.message;
  await s.until(async () => told('StatefulSet/bare') !== undefined && told('StatefulSet/web') !== undefined);
  expect(told('StatefulSet/bare')).toMatch(
    /^Create Pod bare-0 in StatefulSet bare failed error: pods "bare-0" is forbid/,
  );
  expect(told('StatefulSet/web')).toMatch(
    /^Create Claim www-web-0 for Pod web-0 in StatefulSet web failed error: persistentvolumeclaims "www-web-0" is forbid/,
  );
});
