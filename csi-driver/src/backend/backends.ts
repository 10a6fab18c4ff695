import { grpcError } from '@berth/protos';
import type { Backend } from './backend.ts';

/** Who keeps a volume that names nobody. */
export const defaultBackend = 'directory';

/** The backends of this driver, by the name a class gives in its parameter `backend`. */
export class Backends {
  readonly #byName: ReadonlyMap<string, Backend>;

  constructor(backends: readonly Backend[]) {
    this.#byName = new Map(backends.map((backend) => [backend.name, backend]));
  }

  get all(): readonly Backend[] {
    return [...this.#byName.values()];
  }

  /** @throws GrpcError INVALID_ARGUMENT – no such backend; names those there are. */
  forParameters(parameters: Readonly<Record<string, string>>): Backend {
    const name = parameters['backend'] ?? defaultBackend;
    const backend = this.#byName.get(name);
    if (backend) return backend;
    const allowed = [...this.#byName.keys()].join(', ');
    throw grpcError('INVALID_ARGUMENT', `parameter "backend" is "${name}"; allowed are ${allowed}`);
  }

  /** @throws GrpcError FAILED_PRECONDITION – the volume was made by a backend this driver has not now. */
  of({ id, backend: name }: { readonly id: string; readonly backend: string }): Backend {
    const backend = this.#byName.get(name);
    if (backend) return backend;
    throw grpcError('FAILED_PRECONDITION', `"${id}" is kept by the backend "${name}", which this pool cannot have now`);
  }
}
