import { readlinkSync } from 'node:fs';
import type { FakeKernel } from '@berth/linux';
import { grpcError } from '@berth/protos';
import { sourceOf } from './nfs-location.ts';
import type { FakeNfsServer } from './nfs-server.fake.ts';
import type { ShareMount, ShareMounter, ShareUnmount } from './share-mounter.ts';

/** Mounts in the model's mount table what the model's server has. */
export class FakeShareMounter implements ShareMounter {
  readonly name = 'fake';
  readonly fsTypes = ['nfs4'];
  readonly mountRequests: ShareMount[] = [];
  readonly unmountRequests: ShareUnmount[] = [];
  readonly #kernel: FakeKernel;
  readonly #server: FakeNfsServer;

  constructor(kernel: FakeKernel, server: FakeNfsServer) {
    this.#kernel = kernel;
    this.#server = server;
  }

  async mount(mount: ShareMount): Promise<void> {
    const { location, flags, target } = mount;
    this.mountRequests.push(mount);
    if (this.#server.away) throw grpcError('UNAVAILABLE', `the nfs server ${location.server} does not answer`);
    if (!this.#server.has(location.subDir)) throw grpcError('NOT_FOUND', `${sourceOf(location)} does not exist`);
    const options = [...(flags.readOnly ? ['ro'] : []), ...flags.flags];
    this.#kernel.mount({ fsType: 'nfs4', source: sourceOf(location), target: readlinkSync(target.path), options });
  }

  async unmount(unmount: ShareUnmount): Promise<void> {
    this.unmountRequests.push(unmount);
    this.#kernel.unmount(unmount.path);
  }
}
