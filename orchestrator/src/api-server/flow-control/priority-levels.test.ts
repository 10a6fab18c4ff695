import { FakeClock, silentLogger } from '@berth/kit';
import { expect, test } from 'vitest';
import { requestInfoOf } from '../request-info.ts';
import { defaultLevels, defaultSchemas, mandatoryObjects } from './default-objects.ts';
import type { LevelObject } from './priority-level.ts';
import { PriorityLevels, type SchemaObject } from './priority-levels.ts';

const info = requestInfoOf('GET', '/api/v1/pods', new URLSearchParams());
const withUid = <T>(all: readonly object[]) => all.map((each, i) => ({ ...each, uid: `u${i}` })) as unknown as T;
const levelObjects = () => withUid<LevelObject[]>(defaultLevels());
const schemaObjects = () => withUid<SchemaObject[]>(defaultSchemas());

function theLevels(clock = new FakeClock(), serverSeats = 600) {
  const levels = new PriorityLevels({ clock, log: silentLogger, serverSeats, mandatory: mandatoryObjects() });
  return { clock, levels };
}

function seats(levels: PriorityLevels, of: 'nominal' | 'least' | 'most' | 'current') {
  return Object.fromEntries([...levels.all].map(([name, level]) => [name, level[of]]));
}

function take(levels: PriorityLevels, name: string, count: number) {
  const request = { schema: 's', distinguisher: '', info, user: { name: '', groups: [] } };
  for (let i = 0; i < count; i++)
    levels.all
      .get(name)
      ?.queues.start({ ...request, distinguisher: `${i}`, work: { initialSeats: 1, finalSeats: 0, additionalMs: 0 } });
}

test('six hundred seats are shared out as upstream shares them', () => {
  const { levels } = theLevels();
  levels.digest(levelObjects(), schemaObjects());
  expect(seats(levels, 'nominal')).toEqual({
    'catch-all': 13,
    exempt: 0,
    'global-default': 49,
    'leader-election': 25,
    'node-high': 98,
    system: 74,
    'workload-high': 98,
    'workload-low': 245,
  });
  expect(seats(levels, 'least')).toMatchObject({ 'workload-low': 24, system: 50, 'catch-all': 13 });
  expect(seats(levels, 'most')).toMatchObject({ 'workload-low': 845, 'catch-all': 613 });
});

test('without objects everything is exempt or caught by catch-all', () => {
  const { levels } = theLevels();
  expect([...levels.all.keys()].toSorted()).toEqual(['catch-all', 'exempt']);
  expect(levels.schemas.map(({ name }) => name)).toEqual(['exempt', 'catch-all']);
  expect(levels.hasAllMandatory).toBe(false);
  expect(levels.all.get('catch-all')?.nominal).toBe(600);
});

test('a level that is wanted borrows what others do not need, and gives it back', async () => {
  const { clock, levels } = theLevels();
  levels.digest(levelObjects(), schemaObjects());
  const before = levels.all.get('workload-high')?.current as number;
  take(levels, 'workload-high', 400);
  await clock.advance(10_000);
  levels.updateBorrowing();
  const borrowed = levels.all.get('workload-high')?.current as number;
  expect(borrowed).toBeGreaterThan(300);
  expect(borrowed).toBeGreaterThan(before);
  // Nobody lends more than they may.
  for (const level of levels.all.values())
    expect(level.current).toBeGreaterThanOrEqual(level.isExempt ? 0 : level.least);
  take(levels, 'workload-low', 245);
  await clock.advance(10_000);
  levels.updateBorrowing();
  expect(levels.all.get('workload-low')?.current).toBeGreaterThanOrEqual(200);
});

test('borrowingLimitPercent 0 borrows nothing', async () => {
  const { clock, levels } = theLevels();
  const objects = levelObjects().map((each) =>
    each.name === 'system'
      ? ({
          ...each,
          spec: { ...each.spec, limited: { ...each.spec.limited, borrowingLimitPercent: 0 } },
        } as LevelObject)
      : each,
  );
  levels.digest(objects, schemaObjects());
  take(levels, 'system', 300);
  await clock.advance(10_000);
  levels.updateBorrowing();
  expect(levels.all.get('system')?.current).toBe(74);
});

test('a deleted level serves what waits in it, then goes; schemas of it are passed over', () => {
  const { levels } = theLevels();
  levels.digest(levelObjects(), schemaObjects());
  const ticket = levels.all.get('workload-low')?.queues.start({
    schema: 's',
    distinguisher: '',
    info,
    user: { name: '', groups: [] },
    work: { initialSeats: 1, finalSeats: 0, additionalMs: 0 },
  });
  const dangling = levels.digest(
    levelObjects().filter(({ name }) => name !== 'workload-low'),
    schemaObjects(),
  );
  expect([...dangling]).toEqual(['service-accounts']);
  expect(levels.schemas.map(({ name }) => name)).not.toContain('service-accounts');
  expect(levels.all.get('workload-low')?.quiescing).toBe(true);
  if (typeof ticket === 'object') levels.all.get('workload-low')?.queues.finish(ticket);
  levels.reap();
  expect(levels.all.has('workload-low')).toBe(false);
});

test('schemas are asked by precedence, then by name', () => {
  const { levels } = theLevels();
  levels.digest(levelObjects(), schemaObjects());
  expect(levels.schemas.map(({ name }) => name)).toEqual([
    'exempt',
    'probes',
    'system-leader-election',
    'system-node-high',
    'system-nodes',
    'kube-controller-manager',
    'kube-scheduler',
    'kube-system-service-accounts',
    'service-accounts',
    'global-default',
    'catch-all',
  ]);
});
