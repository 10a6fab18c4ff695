import { setImmediate } from 'node:timers/promises';
import { FakeClock } from '@berth/kit';
import { expect, test } from 'vitest';
import { RecentValues } from '../recent-values.ts';
import { negotiate } from '../representation/negotiate.ts';
import type { ResourceDefinition } from '../resource-definition.ts';
import { definitions } from '../resources/definitions.ts';
import type { ListAnswer } from '../server-request.ts';
import { ObjectCodec } from '../stored-object.ts';
import { responseText } from './response-object.ts';

/** Each as large as what a turn has room for. */
function aListOfLarge(count: number): ListAnswer {
  const definition = definitions.find(({ kind }) => kind === 'ConfigMap') as ResourceDefinition;
  const codec = new ObjectCodec(definition, definition, new RecentValues());
  const data = { a: 'x'.repeat(200_000) };
  const items = Array.from({ length: count }, (_, i) => {
    const metadata = { name: `c${i}`, managedFields: [{ manager: 'm' }] };
    const value = codec.encode({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data });
    return codec.view({ key: `${i}`, value, createRevision: 1, modRevision: 1 });
  });
  return { type: 'list', definition, items, metadata: { resourceVersion: '7' } };
}

test.each([
  ['application/json', 'items', ({ name }: { name: string }) => ({ metadata: { name } })],
  [
    'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
    'items',
    ({ name }: { name: string }) => ({ metadata: { name } }),
  ],
  [
    'application/json;as=Table;g=meta.k8s.io;v=v1',
    'rows',
    ({ name }: { name: string }) => ({ object: { metadata: { name } } }),
  ],
])(
  'a long list as %s is written down in turns of the event loop, without its managed fields',
  async (accept, list, shown) => {
    const presentation = { representation: negotiate(accept), includeObject: 'Metadata', clock: new FakeClock() };
    let text: string | undefined;
    const making = Promise.resolve(responseText(aListOfLarge(20), true, () => presentation)).then((made) => {
      text = made;
    });
    let turns = 0;
    for (; text === undefined; turns++) await setImmediate();
    await making;
    expect(turns).toBeGreaterThanOrEqual(20);
    const items: unknown[] = JSON.parse(text)[list];
    expect(items).toMatchObject(Array.from({ length: 20 }, (_, i) => shown({ name: `c${i}` })));
    expect(text).not.toContain('managedFields');
  },
);
