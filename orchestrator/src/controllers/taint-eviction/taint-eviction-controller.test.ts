import { FakeClock, seededRng, settle, silentLogger } from '@berth/kit';
import { KubeClient, type Pod, resources, startInformers, type Taint, type Toleration } from '@berth/kube';
import { expect, test } from 'vitest';
import { FakeApi } from '../../../../test/harness/fake-api.ts';
import { FakeEvents } from '../../../../test/harness/fake-recorder.ts';
import { stayMs } from './stay.ts';
import { startTaintEvictionController } from './taint-eviction-controller.ts';

async function scene() {
  const clock = new FakeClock();
  const client = new KubeClient(new FakeApi({ clock }));
  const events = new FakeEvents();
  const stop = new AbortController();
  const informers = startInformers(client, { clock, log: silentLogger }, stop.signal);
  const deps = { client, informers, clock, rng: seededRng(1), log: silentLogger, recorder: events.recorder };
  const controller = startTaintEvictionController(deps, stop.signal);
  await client.create(resources.nodes, { metadata: { name: 'a' } });
  const quiet = async () => {
    for (let i = 0; i < 20; i++) await settle();
  };
  return {
    client,
    clock,
    events,
    async later(ms: number) {
      await quiet();
      await clock.advance(ms);
      await quiet();
    },
    async taint(taints: Taint[]) {
      await client.patch(resources.nodes, { name: 'a' }, { type: 'merge', patch: { spec: { taints } } });
      await quiet();
    },
    async pod(name: string, tolerations: Toleration[]) {
      const spec = { nodeName: 'a', tolerations, containers: [{ name: 'c', image: 'i' }] };
      await client.create(resources.pods, { metadata: { name, namespace: 'default' }, spec } as Pod);
      await quiet();
    },
    async going(): Promise<(string | undefined)[]> {
      const { items } = await client.list(resources.pods);
      return items.filter(({ metadata }) => metadata.deletionTimestamp).map(({ metadata }) => metadata.name);
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await controller[Symbol.asyncDispose]();
      await informers[Symbol.asyncDispose]();
    },
  };
}

const taint: Taint = { key: 'k', value: 'v', effect: 'NoExecute' };
const tolerating = (tolerationSeconds?: number): Toleration => ({
  key: 'k',
  operator: 'Exists',
  effect: 'NoExecute',
  ...(tolerationSeconds === undefined ? {} : { tolerationSeconds }),
});

test('a taint that comes takes the pods that do not tolerate it, and says so in them', async () => {
  await using s = await scene();
  await s.pod('stays', [tolerating()]);
  await s.pod('goes', []);
  await s.taint([{ ...taint, effect: 'NoSchedule' }]);
  expect(await s.going()).toEqual([]);
  await s.taint([taint]);
  expect(await s.going()).toEqual(['goes']);
  const goes = await s.client.get<Pod>(resources.pods, { namespace: 'default', name: 'goes' });
  expect(goes.status?.conditions).toEqual([
    expect.objectContaining({
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'DeletionByTaintManager',
      message: 'Taint manager: deleting due to NoExecute taint',
    }),
  ]);
  expect(s.events.lines).toEqual(['TaintManagerEviction: Marking for deletion Pod default/goes']);
});

test('a pod that comes to a tainted node goes when its time there is over, counted from its coming', async () => {
  await using s = await scene();
  await s.taint([taint]);
  await s.pod('brief', [tolerating(5)]);
  await s.later(4000);
  await s.taint([{ ...taint, value: 'other' }]);
  expect(await s.going()).toEqual([]);
  await s.later(1000);
  expect(await s.going()).toEqual(['brief']);
});

test('a clock that is set on takes nothing from the time of a pod, and one set back adds nothing', async () => {
  await using s = await scene();
  await s.taint([taint]);
  await s.pod('brief', [tolerating(5)]);
  s.clock.setOn(3600_000);
  await s.taint([{ ...taint, value: 'other' }]);
  expect(await s.going()).toEqual([]);
  s.clock.setOn(-7200_000);
  await s.taint([taint]);
  await s.later(5000);
  expect(await s.going()).toEqual(['brief']);
});

test('a taint that goes in time leaves the pods where they are, and one that has gone already is gone', async () => {
  await using s = await scene();
  await s.pod('brief', [tolerating(5)]);
  await s.pod('at-once', []);
  await s.taint([taint]);
  await s.later(4000);
  await s.taint([]);
  await s.later(60_000);
  expect(await s.going()).toEqual(['at-once']);
  expect(s.events.lines).toEqual([
    'TaintManagerEviction: Marking for deletion Pod default/at-once',
    'TaintManagerEviction: Cancelling deletion of Pod default/brief',
  ]);
});

test('a pod of the same name has its own time', async () => {
  await using s = await scene();
  await s.taint([taint]);
  await s.pod('p', [tolerating(5)]);
  await s.later(4000);
  await s.client.delete(resources.pods, { namespace: 'default', name: 'p' }, { gracePeriodSeconds: 0 });
  await s.pod('p', [tolerating(5)]);
  await s.later(4000);
  expect(await s.going()).toEqual([]);
  await s.later(1000);
  expect(await s.going()).toEqual(['p']);
});

const second: Taint = { key: 'l', effect: 'NoExecute' };

test.each([
  ['nothing to tolerate', [], [], undefined],
  ['not tolerated', [], [taint], 0],
  ['one of two not tolerated', [tolerating(5)], [taint, second], 0],
  ['for ever', [tolerating()], [taint], undefined],
  ['the least of two', [tolerating(5), { key: 'l', operator: 'Exists', tolerationSeconds: 3 }], [taint, second], 3000],
  ['the first that tolerates it', [tolerating(5), tolerating(3)], [taint], 5000],
  ['one for ever, one not', [tolerating(5), { key: 'l', operator: 'Exists' }], [taint, second], 5000],
  ['less than no time', [tolerating(-1)], [taint], 0],
] as const)('how long a pod stays: %s', (_, tolerations, taints, ms) => {
  expect(stayMs([...tolerations], [...taints])).toBe(ms);
});
