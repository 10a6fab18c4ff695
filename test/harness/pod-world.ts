import { join } from 'node:path';
import { Berth, eventually } from './berth.ts';
import { webServerRecipe, writeDockerArchive } from './image-archive.ts';
import { list, type Manifest, storageClass, testImage } from './manifests.ts';

export interface Claim {
  readonly metadata: { readonly ownerReferences?: unknown; readonly labels?: unknown };
  readonly spec: { readonly volumeName?: string };
  readonly status: { readonly phase: string };
}

interface EventList {
  readonly items: readonly { readonly reason: string; readonly message: string }[];
}

/** One berth for all tests of a file, with an image and classes: they use objects of their own names, and mostly wait. */
export class PodWorld implements AsyncDisposable {
  readonly berth: Berth;

  private constructor(berth: Berth) {
    this.berth = berth;
  }

  static async start(): Promise<PodWorld> {
    const berth = await Berth.start();
    const archive = join(berth.dataDir, 'box.tar');
    await writeDockerArchive(archive, webServerRecipe(testImage));
    const loaded = await berth.command('berth', ['image', 'load', archive, '--data-dir', berth.dataDir]);
    if (loaded.code !== 0) throw new Error(loaded.stderr);
    await berth.apply(
      list(
        storageClass('now'),
        storageClass('later', { volumeBindingMode: 'WaitForFirstConsumer' }),
        storageClass('kept', { reclaimPolicy: 'Retain' }),
        storageClass('noatime', { mountOptions: ['noatime'] }),
        storageClass('odd-option', { mountOptions: ['no-such-option'] }),
      ),
    );
    return new PodWorld(berth);
  }

  /** Applies objects together and waits for the pods among them to be Ready. */
  async start(...objects: readonly Manifest[]): Promise<void> {
    await this.berth.apply(list(...objects));
    for (const { kind, metadata } of objects)
      if (kind === 'Pod') await this.running((metadata as { name: string }).name);
  }

  async running(name: string): Promise<void> {
    try {
      await this.berth.kubectl(['wait', '--for=condition=Ready', `pod/${name}`, '--timeout=120s']);
    } catch (cause) {
      const { stdout } = await this.berth.tryKubectl(['describe', 'pod', name]);
      throw new Error(`${name} did not run:\n${stdout}`, { cause });
    }
  }

  /** Runs a shell script in a pod; throws when it fails, with what it said. */
  sh(name: string, script: string): Promise<string> {
    return this.berth.kubectl(['exec', name, '--', 'sh', '-c', script]);
  }

  /** Waits for an event about an object that says what is expected. */
  event(name: string, reason: string, words: RegExp) {
    return eventually(
      async () => {
        const about = ['--field-selector', `involvedObject.name=${name}`];
        const { items } = await this.berth.get<EventList>('events', ...about);
        return items.find((item) => item.reason === reason && words.test(item.message));
      },
      { what: `event ${reason} ${words} of ${name}` },
    );
  }

  claim(name: string): Promise<Claim> {
    return this.berth.get<Claim>('pvc', name);
  }

  bound(name: string): Promise<Claim> {
    return eventually(
      async () => {
        const found = await this.claim(name);
        return found.status.phase === 'Bound' && found;
      },
      { what: `claim ${name} Bound` },
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.berth[Symbol.asyncDispose]();
  }
}
