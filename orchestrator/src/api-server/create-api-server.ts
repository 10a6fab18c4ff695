import type { Clock, Logger, Rng } from '@berth/kit';
import type { Transport } from '@berth/kube';
import type { NodeApiLookup } from '../node-api.ts';
import type { Store } from '../store/store.ts';
import { admissionChain } from './admission/admission.ts';
import { type Authorizer, authenticatedOnly } from './authorizer.ts';
import { BodyDecoder, type ProtobufDecoder } from './body-decoder.ts';
import { InProcessTransport } from './in-process-transport.ts';
import { RequestPipeline } from './request-pipeline.ts';
import type { ResourceDefinition } from './resource-definition.ts';
import { ResourceRegistry } from './resource-registry.ts';
import { ServerContext } from './server-context.ts';
import { loopback, type User } from './user.ts';

export interface ApiServerOptions {
  readonly store: Store;
  readonly definitions: readonly ResourceDefinition[];
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
  readonly nodeApi: NodeApiLookup;
  readonly authorizer?: Authorizer;
}

export interface ApiServer extends AsyncDisposable {
  /** Clients inside the process; as a component of the control plane unless `user` says otherwise. */
  transport(user?: User): Transport;
}

/** An API server on `store`: its namespaces, classes and the `kubernetes` Service exist when this resolves. */
export async function createApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const protobuf: ProtobufDecoder = () => {
    throw new Error('protobuf is not there yet');
  };
  const context = new ServerContext({
    registry: new ResourceRegistry(options.definitions),
    store: options.store,
    clock: options.clock,
    rng: options.rng,
    log: options.log,
    bodies: new BodyDecoder(protobuf),
    admission: () => admissionChain({ mutating: [], validating: [] }),
  });
  const pipeline = new RequestPipeline({
    context,
    authorizer: options.authorizer ?? authenticatedOnly,
    paths: [],
    special: [],
  });
  return {
    transport: (user = loopback) => new InProcessTransport(pipeline, user),
    async [Symbol.asyncDispose]() {},
  };
}
