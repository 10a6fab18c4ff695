import { setImmediate } from 'node:timers/promises';
import { seededRng, silentLogger } from '@berth/kit';
import { KubeClient, resources } from '@berth/kube';
import { expect, test } from 'vitest';
import { createApiServer } from '../../orchestrator/src/api-server/create-api-server.ts';
import { EncryptedStore } from '../../orchestrator/src/api-server/encryption/encrypted-store.ts';
import type { Transformer } from '../../orchestrator/src/api-server/encryption/transformer.ts';
import { definitions } from '../../orchestrator/src/api-server/resources/definitions.ts';
import { MemoryStore } from '../../orchestrator/src/store/store.memory.ts';
import { CoarseClock } from '../harness/watch-history/coarse-clock.ts';

const plain: Transformer = { seal: (data) => data, open: (data) => ({ data, stale: false }) };

const stores = {
  'a store': (memory: MemoryStore) => memory,
  'an encrypted store': (memory: MemoryStore) => new EncryptedStore(memory, () => plain),
  'a store that takes turns to open': (memory: MemoryStore) =>
    new EncryptedStore(
      memory,
      () => plain,
      async (value) => {
        for (let turn = 0; turn < 3; turn++) await setImmediate();
        return value;
      },
    ),
};

test.each(Object.entries(stores))(
  'a bookmark never overtakes an event of %s, at whatever step of its way that is',
  async (_, wrap) => {
    const rng = seededRng(1);
    const clock = new CoarseClock(1000, rng);
    await using memory = new MemoryStore({ clock });
    const store = wrap(memory);
    await using server = await createApiServer({
      store,
      definitions,
      clock,
      rng,
      log: silentLogger,
      nodeApi: () => undefined,
    });
    const client = new KubeClient(server.transport());
    const wrong: string[] = [];
    for (let steps = 0; steps < 60; steps++) {
      const key = `/registry/configmaps/default/m${steps}`;
      const value = new TextEncoder().encode(`{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"m${steps}"}}`);
      const seen: string[] = [];
      const stop = new AbortController();
      const options = { resourceVersion: String(store.revision), allowWatchBookmarks: true };
      const watch = (async () => {
        for await (const { type, object } of client.watch(resources.configmaps, options, stop.signal))
          seen.push(`${type} ${object.metadata.resourceVersion}`);
      })();
      await clock.go(1);
      // Bookmarks are due once a minute; so many steps of promises later something is written.
      using _write = clock.schedule(59_500, async () => {
        for (let step = 0; step < steps; step++) await undefined;
        await memory.write({ key, value });
      });
      await clock.go(62);
      stop.abort();
      await watch;
      const event = seen.indexOf(`ADDED ${store.revision}`);
      if (event < 0 || seen.slice(0, event).includes(`BOOKMARK ${store.revision}`))
        wrong.push(`${steps}: ${seen.join(', ')}`);
    }
    expect(wrong).toEqual([]);
  },
);
